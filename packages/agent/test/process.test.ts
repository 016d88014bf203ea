import { readFileSync } from 'node:fs';
import { readHolder, startTimeOf } from '@moult/core/boot';
import { layoutOf } from '@moult/core/layout';
import { systemClock } from '@moult/runtime/clock';
import { describe, expect, test } from 'vitest';
import { shakeHands } from '../src/session/handshake.ts';
import { createWsTransport } from '../src/session/ws-transport.ts';
import { readStatus } from '../src/status.ts';
import {
  fixture,
  installed,
  listening,
  spawned,
  start,
  TLS,
  when,
} from './support/agent-process.ts';

describe('the program', () => {
  for (const tls of [null, TLS]) {
    test(`H1: serves over ${tls === null ? 'loopback' : 'TLS, bound to its connection'}, holds the lock, and ends with 0 when told`, async () => {
      const { root, coordinator: peer } = await installed(tls);
      const agent = start(['run', '--root', root]);
      spawned(agent);
      await when(
        () => peer.frames.some(({ kind }) => kind === 'report') || agent.child.exitCode !== null,
      );
      expect(peer.proofs).toEqual([true]);
      const layout = layoutOf(root);
      const holder = readHolder(readFileSync(layout.holderPath, 'utf8'));
      expect(holder?.pid).toBe(agent.child.pid);
      expect(holder?.startTime).toBe(
        startTimeOf(readFileSync(`/proc/${agent.child.pid}/stat`, 'utf8')),
      );
      expect(await readStatus(layout)).toMatchObject({
        free: { bytes: expect.any(Number) },
        pid: agent.child.pid,
        name: 'web-1',
        sessionCounter: 1,
        trouble: null,
      });
      const second = start(['run', '--root', root]);
      spawned(second);
      expect(await second.exit).toBe(1);
      expect(second.output).toContain('agent-already-running');
      agent.pipe.write(`${JSON.stringify({ kind: 'stop', graceMs: 5_000 })}\n`);
      expect(await agent.exit).toBe(0);
      expect(await readStatus(layout)).toMatchObject({ pid: null });
    });
  }

  test('ends when its launcher is gone', async () => {
    const { root, coordinator: peer } = await installed(null);
    const agent = start(['run', '--root', root]);
    spawned(agent);
    await when(() => peer.proofs.length > 0 || agent.child.exitCode !== null);
    agent.pipe.destroy();
    expect(await agent.exit).toBe(0);
  });

  test('H11: a signal that its launcher did not send makes it start again, not the host go down', async () => {
    const { root, coordinator: peer } = await installed(null);
    const agent = start(['run', '--root', root]);
    spawned(agent);
    await when(() => peer.proofs.length > 0 || agent.child.exitCode !== null);
    agent.child.kill('SIGTERM');
    expect(await agent.exit).toBe(76);
  });

  test('says its version', async () => {
    const agent = start(['--version']);
    expect(await agent.exit).toBe(0);
    expect(agent.output).toMatch(/^\d+\.\d+\.\d+/);
  });

  test('a wrong flag, a wrong command and a host without enrollment are coded errors without a stack', async () => {
    for (const [args, code] of [
      [['run', '--rot', '/tmp'], 'usage'],
      [['walk'], 'usage'],
      [['run', '--root', '/nonexistent'], 'not-enrolled'],
    ] as const) {
      const agent = start(args);
      expect(await agent.exit).toBe(1);
      expect(agent.output).toContain(`"code":"${code}"`);
      expect(agent.output).toContain('"remedy"');
      expect(agent.output).not.toContain('stack');
    }
  });
});

describe('--probe', () => {
  test('does not reach a coordinator that is not there, and touches no state', async () => {
    const { root, coordinator: peer } = await installed(null);
    await peer.close();
    const probe = start(['--probe', '--root', root]);
    expect(await probe.exit).toBe(10);
    expect(() => readFileSync(layoutOf(root).agentDatabasePath)).toThrow();
  });

  test('does not reach one whose metadata it cannot refresh, though its session is welcomed', async () => {
    const { root, coordinator: peer } = await installed(null);
    const probe = start(['--probe', '--root', root]);
    expect(await probe.exit).toBe(10);
    expect(peer.frames[0]).toMatchObject({
      kind: 'hello',
      message: { purpose: 'probe', counter: 0, ticket: '' },
    });
    expect(probe.output).toContain('trust-');
  });
});

describe('TLS', () => {
  const connect = (url: string, ca: string) =>
    createWsTransport({
      url: `${url.replace('https:', 'wss:')}/v1/agent`,
      way: async () => ({ ca, proxy: null }),
      clock: systemClock,
    }).connect(AbortSignal.timeout(10_000));

  test('T2: a coordinator that the CA did not sign is not spoken to', async () => {
    const coordinator = await listening(TLS);
    await expect(connect(coordinator.url, fixture('other-ca.pem'))).rejects.toMatchObject({
      code: 'coordinator-unreachable',
    });
    expect(coordinator.peers).toEqual([]);
  });

  test('the proof carries what both ends export from the connection', async () => {
    const coordinator = await listening(TLS);
    const connection = await connect(coordinator.url, fixture('ca.pem'));
    expect(connection.channelBinding()).toMatch(/^[0-9a-f]{64}$/);
    connection.close();
  });

  test('a goodbye before the challenge is an end with its reason', async () => {
    const coordinator = await listening(TLS);
    coordinator.goodbye = { reason: 'busy', retryAfterMs: 5 };
    const connection = await connect(coordinator.url, fixture('ca.pem'));
    const result = await shakeHands({
      connection,
      clock: systemClock,
      signal: AbortSignal.timeout(10_000),
      self: {
        instanceId: 'i',
        agentName: 'n',
        platform: 'linux-x64',
        bootId: 'b',
        facts: [],
        labels: {},
        bindsChannel: true,
        sign: () => new Uint8Array(64),
      },
      facts: {
        purpose: 'probe',
        version: '1.0.0',
        digest: '',
        commandNonce: '',
        launcherVersion: '',
        launcherDigest: '',
        counter: 0,
        ticket: '',
        generationSeen: 0,
        positionSeen: 0,
      },
    });
    expect(result).toMatchObject({ kind: 'ended', ending: { reason: 'busy', retryAfterMs: 5 } });
    connection.close();
  });
});
