/* An agent that is enrolled and proved its key, and means harm or is broken: it spoils nothing for the others. */
import { ROUTES } from '@moult/api';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Fixture } from './support/fixture.ts';
import type { TestAgent } from './support/test-agent.ts';
import { WatchedStore } from './support/watched-store.ts';

/** Of a hang, not of speed: the machines are shared. */
const HANG_MS = 20_000;

let fixture: Fixture;
let store: WatchedStore;
let agent: TestAgent;
beforeEach(async () => {
  fixture = await Fixture.make();
  store = new WatchedStore(fixture.store);
  await fixture.restart(store);
  agent = await fixture.enroll('web-1');
});
afterEach(() => fixture.stop());

/** Frames are handled in their order: what was sent before is done. */
async function answered(): Promise<void> {
  agent.send({ kind: 'permission', message: { commandId: 'none', attempt: 1, point: 'drain' } });
  await agent.expect('denied');
}

const upgradeOf = (commandId: string, overrides: object = {}) => ({
  commandId,
  attempt: 1,
  component: 'agent',
  step: 'fetching',
  isHealthy: true,
  detail: '',
  bytesDone: 0,
  bytesTotal: 0,
  ...overrides,
});

const gap = { item: 'gap', gap: { reason: 'x', items: 1, bytes: 1, covers: 1 } } as const;

test('a sequence at the end of the numbers ends the session and leaves the agents readable', async () => {
  await agent.connect();
  const firstSequence = Number.MAX_SAFE_INTEGER;
  agent.send({ kind: 'output', message: { epoch: 'e', firstSequence, items: [gap, gap] } });
  expect(await agent.connection?.ended()).toBe('invalid-frame');
  expect((await fixture.call('GET', '/v1/agents')).status).toBe(200);
});

test('a report of an attempt that cannot be makes the list of agents invalid for nobody', async () => {
  await fixture.publishTwo();
  await agent.connect();
  const order = await fixture.call('POST', '/v1/agents/web-1/upgrade', {
    body: { version: '2.0.0' },
  });
  agent.report({ upgrade: upgradeOf(order.body.command.id, { attempt: 0 }) });
  await answered();
  const { body } = await fixture.call('GET', '/v1/agents');
  expect(ROUTES.listAgents.response.safeParse(body).error?.issues).toBeUndefined();
});

test('a report of another agent’s command shows nothing of it', async () => {
  await fixture.publishTwo();
  await fixture.enroll('web-2');
  const order = await fixture.call('POST', '/v1/agents/web-2/upgrade', {
    body: { version: '2.0.0' },
  });
  await agent.connect();
  agent.report({ upgrade: upgradeOf(order.body.command.id) });
  await answered();
  expect((await fixture.call('GET', '/v1/agents/web-1')).body.upgrade).toBeNull();
});

test('a report that names one component thousands of times writes it once', async () => {
  await agent.connect();
  const part = {
    component: 'agent',
    previous: null,
    refused: [],
    trialAttemptId: '',
    rolledBack: null,
    changed: [],
    changedCount: 0,
  };
  const many = Array.from({ length: 5_000 }, () => ({ ...part, current: null }));
  let reported: unknown = null;
  store.around = (name, args, write) => {
    if (name === 'recordReport') reported = args;
    return write();
  };
  agent.report({ components: [...many, { ...part, current: agent.slot }] });
  await answered();
  expect(reported).toMatchObject({ components: [{ component: 'agent', current: agent.slot }] });
});

test('of an agent that sends faster than the disk writes, a few frames are held', async () => {
  await agent.connect();
  let goOn = (): void => undefined;
  const slowly = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let writes = 0;
  store.around = async (_name, _args, write) => {
    writes += 1;
    await slowly;
    return write();
  };
  const socket = agent.connection?.socket;
  const content = new Uint8Array(1_000_000);
  const record = {
    item: 'record',
    record: { stream: 's', atMs: 1, content, task: '', run: '' },
  } as const;
  for (let firstSequence = 1; firstSequence <= 30; firstSequence++) {
    agent.send({ kind: 'output', message: { epoch: 'e', firstSequence, items: [record] } });
  }
  let waiting = -1;
  await vi.waitUntil(
    () => {
      const isSteady = waiting === socket?.bufferedAmount;
      waiting = socket?.bufferedAmount ?? 0;
      return isSteady;
    },
    { interval: 300, timeout: 10_000 },
  );
  expect(waiting).toBeGreaterThan(10_000_000);
  expect(writes).toBe(1);
  goOn();
  while ((await agent.expect('outputAck')).lastSequence < 30);
});

test('agents that never stop reporting do not hold up an order to another', async () => {
  await fixture.publishTwo();
  const others = [agent];
  for (const name of ['web-2', 'web-3', 'web-4']) others.push(await fixture.enroll(name));
  for (const other of others) await other.connect();
  await fixture.enroll('quiet');
  const body = { version: '2.0.0' };
  for (const name of ['web-1', 'web-2', 'web-3', 'web-4']) {
    await fixture.call('POST', `/v1/agents/${name}/upgrade`, { body });
  }
  // Whatever is decided about them touches them again: there is always somebody left to decide about.
  let isOrdered = false;
  let count = 0;
  store.around = async (name, _args, write) => {
    const done = await write();
    if (name === 'dispatch' && !isOrdered && count < 2_000) {
      count += 1;
      for (const other of others) other.report({ facts: [{ name: 'n', value: String(count) }] });
    }
    return done;
  };
  for (const other of others) other.report();
  await vi.waitUntil(() => count > 20, { timeout: HANG_MS });
  const ordered = await fixture.call('POST', '/v1/agents/quiet/upgrade', { body });
  isOrdered = true;
  expect(ordered.status).toBe(202);
  expect(count).toBeLessThan(2_000);
});

test('runs that no program of ours would name so are listed page by page all the same', async () => {
  await agent.connect();
  const run = {
    task: 'x\n',
    commandId: '',
    attempt: 0,
    startedMs: 5,
    endedMs: 0,
    outcome: '',
  } as const;
  const rest = { code: '', message: '', exitCode: -1, signal: '', outputBytes: 0, droppedBytes: 0 };
  const items = ['', 'a\nb', `${'é/'.repeat(3_000)}`, '%2F'].map((id) => ({
    item: 'taskRun' as const,
    taskRun: { ...run, ...rest, run: id, starts: 1 },
  }));
  agent.send({ kind: 'output', message: { epoch: 'e', firstSequence: 1, items } });
  await agent.expect('outputAck');
  const found: string[] = [];
  for (let before = ''; ; ) {
    const { body } = await fixture.call('GET', `/v1/runs?limit=1${before}`);
    found.push(body.runs[0].run);
    if (body.next === null) break;
    before = `&before=${encodeURIComponent(body.next)}`;
  }
  expect(found.sort()).toEqual(['%2F', '_', '_/'.repeat(64), 'a_b'].sort());
  const { status } = await fixture.call(
    'GET',
    `/v1/agents/web-1/runs/${encodeURIComponent('%2F')}`,
  );
  expect(status).toBe(200);
});
