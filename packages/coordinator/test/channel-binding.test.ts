import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeCa, makeServerCertificate } from '../src/certificate.ts';
import { Fixture } from './support/fixture.ts';
import { HttpsPeer } from './support/https-peer.ts';
import { Connection, HELLO, TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
let agent: TestAgent;
let ca: string;
beforeEach(async () => {
  fixture = await Fixture.make();
  const text = await fixture.createToken({ validates: true });
  const { id, secret } = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString());
  const nowMs = fixture.clock.nowMs();
  const authority = await makeCa(nowMs);
  ca = authority.certPem;
  const server = await makeServerCertificate({ ca: authority, names: [], nowMs });
  await fixture.restart(fixture.store, { cert: server.certPem, key: server.keyPem });
  agent = new TestAgent(fixture.url.replace('http:', 'https:'));
  const enrolled = await fixture.store.write('enroll', {
    tokenId: id,
    secretHash: createHash('sha256').update(secret).digest('hex'),
    publicKey: agent.publicKey,
    name: 'bound',
    platform: 'linux-x64',
    bindsChannel: true,
    nowMs,
  });
  agent.instanceId = enrolled.instanceId;
}, 30_000);
afterEach(() => fixture.stop());

const bindingOf = (connection: Connection): string =>
  (connection.socket as unknown as { readonly _socket: TLSSocket })._socket
    .exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
    .toString('hex');

/** A handshake whose proof carries the given binding; how it ended. */
async function greet(connection: Connection, binding: string): Promise<string | null> {
  agent.counter += 1;
  const hello = { ...HELLO, instanceId: agent.instanceId, counter: agent.counter };
  connection.send({ kind: 'hello', message: hello });
  const challenge = await connection.next();
  const nonce = challenge?.kind === 'challenge' ? challenge.message.nonce : '';
  connection.send({ kind: 'prove', message: { signature: agent.prove(hello, nonce, binding) } });
  const answer = await connection.next();
  return answer?.kind === 'welcome' ? 'welcome' : connection.ended();
}

test('a bound instance is welcome on its own TLS connection and on no other (T2, T15)', async () => {
  const open = () => Connection.open(agent.url, { ca });
  const other = await open();
  expect(await greet(await open(), '')).toBe('proof-failed');
  expect(await greet(await open(), bindingOf(other))).toBe('proof-failed');
  expect(await greet(other, bindingOf(other))).toBe('welcome');
  await other.close();
});

/** The same over HTTPS, with a proof for the given binding. */
async function greetOverHttps(peer: HttpsPeer, binding: string): Promise<string> {
  agent.counter += 1;
  const hello = { ...HELLO, instanceId: agent.instanceId, counter: agent.counter };
  await peer.send([{ kind: 'hello', message: hello }]);
  const [challenge] = (await peer.poll()) ?? [];
  const nonce = challenge?.kind === 'challenge' ? challenge.message.nonce : '';
  await peer.send([{ kind: 'prove', message: { signature: agent.prove(hello, nonce, binding) } }]);
  const [answer] = (await peer.poll()) ?? [];
  return answer?.kind === 'goodbye' ? answer.message.reason : (answer?.kind ?? 'refused');
}

describe('S4: over HTTPS a bound instance is welcome', () => {
  let peer: HttpsPeer;
  beforeEach(async () => {
    peer = new HttpsPeer(agent.url, ca);
    await peer.open();
    expect(peer.binding).toMatch(/^[0-9a-f]{64}$/);
  });

  test('with a proof for the connection that opened its session', async () => {
    expect(await greetOverHttps(peer, peer.binding)).toBe('welcome');
  });

  test('with no proof for another connection, or for none', async () => {
    const other = new HttpsPeer(agent.url, ca);
    await other.open();
    expect(await greetOverHttps(peer, other.binding)).toBe('proof-failed');
    expect(await greetOverHttps(other, '')).toBe('proof-failed');
  });

  test('not when its requests do not show their connections', async () => {
    const { binding } = peer;
    peer.binding = '';
    expect(await greetOverHttps(peer, binding)).toBe('proof-failed');
  });

  test('and no request is good on another connection (T15)', async () => {
    expect(await greetOverHttps(peer, peer.binding)).toBe('welcome');
    const path = `/v1/agent/https/frames?after=${peer.received}`;
    let captured = '';
    await peer.send([{ kind: 'check', message: { isFirst: true } }]);
    const answer = await peer.request('GET', path, {
      authorization: (binding) => {
        captured = peer.authorization(binding);
        return captured;
      },
    });
    expect(answer.status).toBe(200);
    for (const authorization of [captured, peer.authorization('')]) {
      const replayed = await peer.request('GET', path, { authorization: () => authorization });
      expect(replayed.status).toBe(401);
    }
    expect(fixture.coordinator.sessionCount).toBe(1);
  });
});
