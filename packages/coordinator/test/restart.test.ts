/* A coordinator that starts again: its whole fleet comes back, all at once, and says what it said before. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Fixture } from './support/fixture.ts';
import { WatchedStore } from './support/watched-store.ts';

/** Of a hang, not of speed: the machines are shared. */
const HANG_MS = 20_000;

let fixture: Fixture;
let store: WatchedStore;
let writes: string[] = [];
beforeEach(async () => {
  fixture = await Fixture.make();
  store = new WatchedStore(fixture.store);
  await fixture.restart(store);
  writes = [];
});
afterEach(() => fixture.stop());

function watchWrites(): void {
  store.around = (name, _args, write) => {
    writes.push(name);
    return write();
  };
}

async function isReportStored(instanceId: string): Promise<boolean> {
  const row = await fixture.store.read('instanceById', instanceId);
  return row !== null && row.upgrade_since_ms !== null;
}

test('an agent at rest that comes back, asks and reports as before costs one write, its session', async () => {
  await fixture.publishTwo();
  const agent = await fixture.enroll('web-1');
  await agent.connect();
  agent.report();
  await vi.waitUntil(() => isReportStored(agent.instanceId), { timeout: HANG_MS });
  await fixture.restart(store);
  Object.assign(agent, { url: fixture.url });
  watchWrites();
  await agent.connect();
  agent.send({ kind: 'check', message: { isFirst: true } });
  expect(await agent.expect('hold')).toEqual({ reason: '', detail: '' });
  agent.report();
  agent.send({ kind: 'check', message: { isFirst: false } });
  await agent.expect('hold');
  await fixture.coordinator.settled();
  expect(writes.filter((name) => name !== 'touchSeen')).toEqual(['openSession']);
});

test('an agent that comes back with another report is heard', async () => {
  await fixture.publishTwo();
  const agent = await fixture.enroll('web-1');
  await agent.connect();
  agent.report();
  await vi.waitUntil(() => isReportStored(agent.instanceId), { timeout: HANG_MS });
  await fixture.restart(store);
  Object.assign(agent, { url: fixture.url });
  await agent.connect();
  agent.report({ facts: [{ name: 'kernel', value: '6.19' }] });
  await vi.waitUntil(
    async () => {
      const row = await fixture.store.read('instanceById', agent.instanceId);
      return row?.facts.includes('6.19') === true;
    },
    { timeout: HANG_MS },
  );
});

test('while proofs wait too long for the store others are told when to come, but not who is on trial', async () => {
  const [first, second, onTrial] = [
    await fixture.enroll('web-1'),
    await fixture.enroll('web-2'),
    await fixture.enroll('web-3'),
  ];
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let opening = 0;
  store.around = async (name, _args, write) => {
    if (name === 'openSession') {
      opening += 1;
      await held;
    }
    return write();
  };
  const welcomes = [first.connect()];
  await vi.waitUntil(() => opening === 1, { timeout: HANG_MS });
  await fixture.clock.advance(2_000);
  expect(await second.connect()).toBeNull();
  expect(second.connection?.goodbye?.reason).toBe('busy');
  expect(second.connection?.goodbye?.retryAfterMs).toBeLessThanOrEqual(10_000);
  welcomes.push(onTrial.connect({ commandNonce: 'ab'.repeat(32) }));
  await vi.waitUntil(() => opening === 2, { timeout: HANG_MS });
  goOn();
  expect(await Promise.all(welcomes)).not.toContain(null);
  expect(await second.connect()).not.toBeNull();
});
