/* Sessions over HTTPS, on real sockets: docs/spec/session.md. */
import { randomBytes } from 'node:crypto';
import {
  encodeAgentFrame,
  HANDSHAKE_BYTES_MAX,
  HANDSHAKE_MS_MAX,
  joinFrames,
  PING_MS,
} from '@moult/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import { HttpsPeer } from './support/https-peer.ts';
import { HELLO, type TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
let agent: TestAgent;
let peer: HttpsPeer;
beforeEach(async () => {
  fixture = await Fixture.make();
  agent = await fixture.enroll('web-1');
  peer = new HttpsPeer(fixture.url);
  await peer.open();
});
afterEach(() => fixture.stop());

/** Up to the welcome; what came instead of it. */
async function greet(from: HttpsPeer = peer): Promise<string> {
  agent.counter += 1;
  const { counter, ticket, instanceId } = agent;
  const hello = { ...HELLO, instanceId, counter, ticket };
  await from.send([{ kind: 'hello', message: hello }]);
  const [challenge] = (await from.poll()) ?? [];
  const nonce = challenge?.kind === 'challenge' ? challenge.message.nonce : '';
  await from.send([{ kind: 'prove', message: { signature: agent.prove(hello, nonce) } }]);
  const [answer] = (await from.poll()) ?? [];
  if (answer?.kind === 'welcome') agent.ticket = answer.message.ticket;
  return answer?.kind === 'goodbye' ? answer.message.reason : (answer?.kind ?? 'refused');
}

/** The reason in the goodbye that the next answer brings. */
async function goodbyeOf(from: HttpsPeer = peer): Promise<string | undefined> {
  const last = (await from.poll())?.at(-1);
  return last?.kind === 'goodbye' ? last.message.reason : last?.kind;
}

/** Requests arrive in their order: what was asked before this has arrived. */
const turn = async (): Promise<void> => {
  expect((await fixture.call('GET', '/livez')).status).toBe(200);
};

const stateOf = async () => (await fixture.call('GET', '/v1/agents/web-1')).body;

describe('S1: a session over HTTPS is a session', () => {
  test('P10 H4: greeted, Up and marked, it is sent its command and reports', async () => {
    await fixture.publishTwo();
    expect(await greet()).toBe('welcome');
    expect(await stateOf()).toMatchObject({ state: 'Up', marks: ['over HTTPS'] });
    await fixture.call('POST', '/v1/agents/web-1/upgrade', { body: { version: '2.0.0' } });
    const [command] = (await peer.poll()) ?? [];
    expect(command).toMatchObject({
      kind: 'command',
      message: { autoUpgrade: { version: '2.0.0' } },
    });
    if (command?.kind !== 'command') throw new Error('no command');
    const { commandId, attempt } = command.message;
    await peer.send([{ kind: 'accept', message: { commandId, attempt } }]);
    await expect
      .poll(async () => (await fixture.call('GET', `/v1/commands/${commandId}`)).body.command.state)
      .toBe('accepted');
  });

  test('it is pinged', async () => {
    await greet();
    const asked = peer.poll();
    await turn();
    await fixture.clock.advance(PING_MS * 1.2 + 2_000);
    expect(await asked).toMatchObject([{ kind: 'ping' }]);
  });

  test('it is replaced by one over a WebSocket, and replaces that one', async () => {
    await greet();
    expect(await agent.connect()).not.toBeNull();
    expect(await goodbyeOf()).toBe('replaced');
    expect((await stateOf()).marks).toEqual([]);
    const again = new HttpsPeer(fixture.url);
    await again.open();
    expect(await greet(again)).toBe('welcome');
    expect(await agent.connection?.ended()).toBe('replaced');
  });

  test('a clone over HTTPS is found as over a WebSocket (T14)', async () => {
    await agent.connect();
    await agent.connect();
    agent.counter = 0;
    agent.ticket = '';
    expect(await greet()).toBe('quarantined');
    expect(await agent.connection?.ended()).toBe('quarantined');
  });

  test('a stop says goodbye to it', async () => {
    await greet();
    const asked = peer.poll();
    await turn();
    await fixture.coordinator.stop();
    expect(await asked).toMatchObject([{ kind: 'goodbye', message: { reason: 'shutting-down' } }]);
  });
});

describe('S2: what is lost, repeated or overtaken ends the session', () => {
  beforeEach(async () => {
    expect(await greet()).toBe('welcome');
    expect(fixture.coordinator.sessionCount).toBe(1);
  });

  test('a body that comes again', async () => {
    const body = joinFrames([encodeAgentFrame({ kind: 'check', message: { isFirst: true } })]);
    expect((await peer.post(body, { after: 2 })).status).toBe(204);
    expect((await peer.post(body, { after: 2 })).status).toBe(409);
    expect(fixture.coordinator.sessionCount).toBe(0);
    expect((await peer.ask({ after: 2 })).status).toBe(401);
  });

  test('an answer that did not arrive', async () => {
    await peer.send([{ kind: 'check', message: { isFirst: true } }]);
    const before = peer.received;
    expect(await peer.poll()).toMatchObject([{ kind: 'hold' }]);
    expect((await peer.ask({ after: before })).status).toBe(409);
    expect(fixture.coordinator.sessionCount).toBe(0);
  });

  test('a second question beside the first', async () => {
    const first = peer.ask({ after: peer.received });
    await turn();
    const second = peer.ask({ after: peer.received });
    const statuses = [(await first).status, (await second).status].sort();
    expect(statuses).toEqual([401, 409]);
    expect(fixture.coordinator.sessionCount).toBe(0);
  });

  test('a question whose asker went away', async () => {
    const gone = new AbortController();
    const asked = peer.ask({ after: peer.received, signal: gone.signal });
    await turn();
    gone.abort();
    await expect(asked).rejects.toThrow();
    await expect.poll(() => fixture.coordinator.sessionCount).toBe(0);
  });
});

describe('S3: who does not have the secret has no session', () => {
  test('no, wrong and foreign authorizations are all answered alike, and change nothing', async () => {
    await greet();
    const other = new HttpsPeer(fixture.url);
    await other.open();
    const right = peer.authorization('');
    const wrong = [
      '',
      `Bearer ${fixture.init.adminToken}`,
      `Moult-Session ${peer.id}.${peer.secret}`,
      `Moult-Session ${peer.id}.${'0'.repeat(64)}`,
      `Moult-Session ${peer.id}.`,
      `Moult-Session ${peer.id}`,
      `Moult-Session ${other.id}.${right.split('.')[1]}`,
      `Moult-Session ${'0'.repeat(32)}.${right.split('.')[1]}`,
    ];
    for (const authorization of wrong) {
      const path = `/v1/agent/https/frames?after=${peer.received}`;
      const answer = await peer.request('GET', path, { authorization: () => authorization });
      expect([answer.status, JSON.parse(answer.body.toString()).code]).toEqual([
        401,
        'session-unknown',
      ]);
    }
    expect(fixture.coordinator.sessionCount).toBe(1);
    await peer.send([{ kind: 'check', message: { isFirst: true } }]);
    expect(await peer.poll()).toMatchObject([{ kind: 'hold' }]);
  });

  test('who guesses is slowed down', async () => {
    let last = 0;
    for (let guess = 0; guess < 40 && last !== 429; guess++) {
      const authorization = `Moult-Session ${randomBytes(16).toString('hex')}.${'0'.repeat(64)}`;
      const path = '/v1/agent/https/frames?after=0';
      last = (await peer.request('GET', path, { authorization: () => authorization })).status;
    }
    expect(last).toBe(429);
  });
});

describe('S6: what has no proof costs little (T17)', () => {
  test('more bytes than a handshake needs end it', async () => {
    const frame = new Uint8Array(HANDSHAKE_BYTES_MAX);
    await peer.post(joinFrames([frame]), { after: 0 });
    expect(await goodbyeOf()).toBe('frame-too-large');
  });

  test('a body beyond every limit is not read to its end', async () => {
    await greet();
    await peer.post(new Uint8Array(2_000_000), { after: 2 }).catch(() => undefined);
    await expect.poll(() => fixture.coordinator.sessionCount).toBe(0);
  });

  test('what cannot be cut into frames, and floods of small ones, end it', async () => {
    const pong = encodeAgentFrame({ kind: 'pong', message: { id: 1 } });
    for (const body of [
      Uint8Array.of(5, 1),
      new Uint8Array(40_000),
      joinFrames(new Array(300).fill(pong)),
    ]) {
      const hostile = new HttpsPeer(fixture.url);
      await hostile.open();
      await hostile.post(body, { after: 0 });
      expect(await goodbyeOf(hostile)).toBe('invalid-frame');
    }
  });

  test('a handshake that takes too long is ended', async () => {
    const asked = goodbyeOf();
    await turn();
    await fixture.clock.advance(HANDSHAKE_MS_MAX + 2_000);
    expect(await asked).toBe('handshake-timeout');
  });

  test('there is room for a number of them, and then for those that proved themselves only', async () => {
    await greet();
    let refused = 0;
    for (let opened = 0; opened < 410 && refused === 0; opened++) {
      const answer = await new HttpsPeer(fixture.url).open();
      if (answer.status !== 201) refused = answer.status;
    }
    expect(refused).toBe(503);
    await peer.send([{ kind: 'check', message: { isFirst: true } }]);
    expect(await peer.poll()).toMatchObject([{ kind: 'hold' }]);
    await fixture.clock.advance(HANDSHAKE_MS_MAX + 6_000);
    expect((await new HttpsPeer(fixture.url).open()).status).toBe(201);
  });
});
