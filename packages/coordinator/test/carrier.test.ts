import { type AgentFrame, encodeAgentFrame, HANDSHAKE_BYTES_MAX } from '@moult/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import { MemoryCarrier } from './support/memory-carrier.ts';
import { HELLO, type TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
let agent: TestAgent;
let carrier: MemoryCarrier;
beforeEach(async () => {
  fixture = await Fixture.make();
  agent = await fixture.enroll('web-1');
  carrier = new MemoryCarrier();
  fixture.coordinator.openSession(carrier);
});
afterEach(() => fixture.stop());

const send = (frame: AgentFrame) => carrier.deliver(encodeAgentFrame(frame));

const kinds = () => carrier.sent.map(({ kind }) => kind);

async function greet(): Promise<void> {
  agent.counter += 1;
  const hello = { ...HELLO, instanceId: agent.instanceId, counter: agent.counter };
  send({ kind: 'hello', message: hello });
  await expect.poll(kinds).toEqual(['challenge']);
  const [challenge] = carrier.sent;
  const nonce = challenge?.kind === 'challenge' ? challenge.message.nonce : '';
  send({ kind: 'prove', message: { signature: agent.prove(hello, nonce) } });
  await expect.poll(kinds).toEqual(['challenge', 'welcome']);
}

test('a session is a session over any carrier: greeted, live, asked and answered', async () => {
  await greet();
  expect(fixture.coordinator.sessionCount).toBe(1);
  send({ kind: 'check', message: { isFirst: true } });
  await expect.poll(kinds).toEqual(['challenge', 'welcome', 'hold']);
  carrier.end();
  expect(fixture.coordinator.sessionCount).toBe(0);
});

test('bytes that are no frame yet count until the proof, and are not told after it', async () => {
  expect(carrier.arrive(HANDSHAKE_BYTES_MAX)).toBe(true);
  expect(carrier.closed).toBeNull();
  carrier.arrive(1);
  expect(carrier.closed?.reason).toBe('frame-too-large');
  expect(carrier.arrive(1)).toBe(false);
  carrier = new MemoryCarrier();
  fixture.coordinator.openSession(carrier);
  await greet();
  expect(carrier.arrive(2 * HANDSHAKE_BYTES_MAX)).toBe(false);
  expect(carrier.closed).toBeNull();
});

test('a carrier is paused while frames wait for their turn, and resumed', async () => {
  await greet();
  for (let frame = 0; frame < 40; frame++) send({ kind: 'check', message: { isFirst: false } });
  expect(carrier.isPaused).toBe(true);
  await expect.poll(() => carrier.isPaused).toBe(false);
});

test('a carrier whose peer takes nothing is closed, and cut when it does not end by itself', async () => {
  await greet();
  carrier.bufferedBytes = 3 * 1_048_576;
  send({ kind: 'check', message: { isFirst: true } });
  await expect.poll(() => carrier.closed?.reason).toBe('too-slow');
  expect(fixture.coordinator.sessionCount).toBe(0);
  expect(carrier.isTerminated).toBe(false);
  await fixture.clock.advance(5_000);
  expect(carrier.isTerminated).toBe(true);
});

test('a carrier that comes to a stopped coordinator is told so', async () => {
  await fixture.coordinator.stop();
  const late = new MemoryCarrier();
  fixture.coordinator.openSession(late);
  expect(late.closed?.reason).toBe('shutting-down');
});
