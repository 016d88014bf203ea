import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import {
  encodeAgentFrame,
  HANDSHAKE_MS_MAX,
  PING_MS,
  PONG_MS_MAX,
  SESSION_PATH,
} from '@moult/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Fixture } from './support/fixture.ts';
import { Connection, HELLO, type TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
let agent: TestAgent;
beforeEach(async () => {
  fixture = await Fixture.make();
  agent = await fixture.enroll('web-1');
});
afterEach(() => fixture.stop());

const helloOf = (overrides: object = {}) => ({
  ...HELLO,
  instanceId: agent.instanceId,
  counter: 1,
  ...overrides,
});

describe('a handshake', () => {
  test('ends with a welcome that gives a ticket; the session is the instance’s', async () => {
    const welcome = await agent.connect({ agentName: 'web-1' });
    expect(welcome).toMatchObject({
      isValidated: true,
      generation: 1,
      version: '9.9.9',
      outputSequence: 0,
    });
    expect(welcome?.ticket).toMatch(/^[0-9a-f]{44}$/);
    expect(fixture.coordinator.sessionCount).toBe(1);
  });

  test('of an instance that nobody enrolled is refused', async () => {
    expect(await agent.connect({ instanceId: 'nobody' })).toBeNull();
    expect(await agent.connection?.ended()).toBe('not-enrolled');
  });

  test('with another key’s signature, or a proof of another challenge, is refused (T15)', async () => {
    const hello = helloOf();
    const first = await Connection.open(fixture.url);
    first.send({ kind: 'hello', message: hello });
    const challenge = await first.next();
    const nonce = challenge?.kind === 'challenge' ? challenge.message.nonce : '';
    const replayed = agent.prove(hello, nonce);
    const second = await Connection.open(fixture.url);
    second.send({ kind: 'hello', message: hello });
    second.send({ kind: 'prove', message: { signature: replayed } });
    expect(await second.ended()).toBe('proof-failed');
    first.send({ kind: 'prove', message: { signature: randomBytes(64) } });
    expect(await first.ended()).toBe('proof-failed');
  });

  test('whose proof was made for another version is refused', async () => {
    const connection = await Connection.open(fixture.url);
    connection.send({ kind: 'hello', message: helloOf({ version: '2.0.0' }) });
    const challenge = await connection.next();
    const nonce = challenge?.kind === 'challenge' ? challenge.message.nonce : '';
    connection.send({ kind: 'prove', message: { signature: agent.prove(helloOf(), nonce) } });
    expect(await connection.ended()).toBe('proof-failed');
  });

  test('that takes too long is ended', async () => {
    const connection = await Connection.open(fixture.url);
    await fixture.clock.advance(HANDSHAKE_MS_MAX + 2_000);
    expect(await connection.ended()).toBe('handshake-timeout');
  });

  test.each([
    [
      'a frame of later phases',
      encodeAgentFrame({ kind: 'check', message: { isFirst: true } }),
      'unexpected-frame',
    ],
    ['rubbish', Uint8Array.of(1, 2, 3), 'invalid-frame'],
    ['nothing', new Uint8Array(0), 'invalid-frame'],
    [
      'an unknown purpose',
      encodeAgentFrame({ kind: 'hello', message: { ...HELLO, purpose: 'rule' } }),
      'invalid-frame',
    ],
    [
      'a version that is none',
      encodeAgentFrame({ kind: 'hello', message: { ...HELLO, version: '<b>' } }),
      'invalid-frame',
    ],
    ['too large a frame', Buffer.alloc(70_000), 'frame-too-large'],
  ])('that begins with %s is refused', async (_, bytes, reason) => {
    const connection = await Connection.open(fixture.url);
    connection.socket.send(bytes);
    expect(await connection.ended()).toBe(reason);
  });

  test('cannot be made to cost memory: half frames, many fragments and texts end it', async () => {
    const half = await Connection.open(fixture.url);
    half.socket.send(Buffer.alloc(40_000), { fin: false });
    half.socket.send(Buffer.alloc(40_000), { fin: false });
    expect(await half.ended()).toBe('frame-too-large');
    const pieces = await Connection.open(fixture.url);
    for (let piece = 0; piece < 20; piece++) pieces.socket.send(Buffer.alloc(1), { fin: false });
    expect(await pieces.ended()).toBe('1008');
    const text = await Connection.open(fixture.url);
    text.socket.send('hello');
    expect(await text.ended()).toBe('invalid-frame');
    await agent.connect();
    expect(fixture.coordinator.sessionCount).toBe(1);
  });

  test('a message of a later minor version is answered, not punished', async () => {
    const connection = await Connection.open(fixture.url);
    connection.socket.send(Uint8Array.of((12 << 3) | 2, 0));
    expect(await connection.next()).toEqual({ kind: 'unsupported', message: { field: 12 } });
    await connection.close();
  });

  test('elsewhere, or with another subprotocol, is no WebSocket at all', async () => {
    const { port } = new URL(fixture.url);
    for (const [path, protocol, status] of [
      ['/v1/other', 'moult.v1', '404'],
      [SESSION_PATH, 'other', '400'],
    ]) {
      const refused = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol);
      const message = await new Promise<string>((resolve) =>
        refused.once('error', (e) => resolve(e.message)),
      );
      expect(message).toContain(status);
    }
  });

  test('raw bytes on the port harm nobody', async () => {
    const { port } = new URL(fixture.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(randomBytes(2_000));
    await new Promise((resolve) => socket.once('close', resolve).resume());
    expect((await fixture.call('GET', '/livez')).status).toBe(200);
  });
});

describe('a probe', () => {
  test('proves and is welcomed, and stores nothing', async () => {
    const before = await fixture.store.read('instanceById', agent.instanceId);
    const welcome = await agent.connect({ purpose: 'probe', counter: 0 });
    expect(welcome).toMatchObject({ ticket: '', generation: 1 });
    agent.send({ kind: 'check', message: { isFirst: true } });
    expect(await agent.connection?.ended()).toBe('unexpected-frame');
    expect(await fixture.store.read('instanceById', agent.instanceId)).toEqual(before);
    expect(fixture.coordinator.sessionCount).toBe(0);
  });
});

describe('a live session', () => {
  test('is replaced by a newer one, whose commands go on', async () => {
    await agent.connect();
    const old = agent.connection;
    expect(await agent.connect()).not.toBeNull();
    expect(await old?.ended()).toBe('replaced');
    expect(fixture.coordinator.sessionCount).toBe(1);
  });

  test('of a clone quarantines both, and names them in history (T14)', async () => {
    await agent.connect();
    const [counter, ticket] = [agent.counter, agent.ticket];
    await agent.connect();
    const original = agent.connection;
    agent.counter = counter - 1;
    agent.ticket = ticket;
    expect(await agent.connect()).toBeNull();
    expect(await agent.connection?.ended()).toBe('quarantined');
    expect(await original?.ended()).toBe('quarantined');
    expect(await fixture.historyKinds('web-1')).toContain('quarantined');
    const { body } = await fixture.call('GET', '/v1/agents/web-1');
    expect(body).toMatchObject({ state: 'Down', marks: ['quarantined'] });
  });

  test('is pinged, and ended when pongs stay away', async () => {
    await agent.connect();
    await fixture.clock.advance(PING_MS * 1.2 + 2_000);
    await agent.expect('ping');
    agent.connection?.socket.removeAllListeners('message');
    await fixture.clock.advance(2 * PONG_MS_MAX);
    expect(await agent.connection?.ended()).toBe('no-pong');
  });

  test('that greets again is ended', async () => {
    await agent.connect();
    agent.send({ kind: 'hello', message: helloOf() });
    expect(await agent.connection?.ended()).toBe('unexpected-frame');
  });

  test('is told goodbye when the coordinator stops', async () => {
    await agent.connect();
    await fixture.coordinator.stop();
    expect(await agent.expect('goodbye')).toEqual({ reason: 'shutting-down', retryAfterMs: 1_000 });
    expect(await agent.connection?.ended()).toBe('shutting-down');
  });

  test('keeps nothing of another agent’s commands (T16)', async () => {
    await fixture.publishTwo();
    await fixture.enroll('web-2');
    const ordered = await fixture.call('POST', '/v1/agents/web-2/upgrade', {
      body: { version: '2.0.0' },
    });
    const { id } = ordered.body.command;
    await agent.connect();
    agent.send({ kind: 'accept', message: { commandId: id, attempt: 1 } });
    agent.sendFinish({ commandId: id, attempt: 1 }, { epoch: 'e', sequence: 1 });
    await agent.expect('outputAck');
    const { body } = await fixture.call('GET', `/v1/commands/${id}`);
    expect(body.command).toMatchObject({ state: 'queued', holdReason: 'agent-down' });
  });
});

test('C3: a coordinator that starts again takes back what was on the wire, and sends it again', async () => {
  await fixture.publishTwo();
  await agent.connect();
  await fixture.call('POST', '/v1/agents/web-1/upgrade', { body: { version: '2.0.0' } });
  const { commandId } = await agent.expect('command');
  await fixture.restart();
  const { body } = await fixture.call('GET', `/v1/commands/${commandId}`);
  expect(body.command).toMatchObject({ state: 'queued', holdReason: 'agent-down' });
  Object.assign(agent, { url: fixture.url });
  await agent.connect();
  agent.send({ kind: 'check', message: { isFirst: true } });
  expect((await agent.expect('command')).commandId).toBe(commandId);
});

test('RS16: a session begins with what waits for its host, said once', async () => {
  await fixture.publishTwo();
  await fixture.call('POST', '/v1/agents/web-1/upgrade', { body: { version: '2.0.0' } });
  await agent.connect();
  agent.send({ kind: 'check', message: { isFirst: true } });
  expect((await agent.connection?.next())?.kind).toBe('command');
  const nobodys = { commandId: 'none', attempt: 1, point: 'drain' };
  agent.send({ kind: 'permission', message: nobodys });
  expect((await agent.connection?.next())?.kind).toBe('denied');
});
