import { expect, test } from 'vitest';
import { until } from '../../../test/support/manual-clock.ts';
import { readStateFacts } from '../src/database/state-facts.ts';
import { bootLive, ended } from './support/driving.ts';
import { TestHost } from './support/host.ts';

test('H17: a coordinator that cannot be asked is named in what the owner of the host sees, until it answers', async () => {
  const host = new TestHost();
  host.coordinator.isReachable = false;
  const agent = host.boot();
  const noSession = () => readStateFacts(host.databasePath).noSession;
  await until(() => noSession() !== null, 'a note');
  expect(noSession()).toEqual({
    code: 'desired-version-unavailable',
    message: 'connect ECONNREFUSED',
  });
  host.coordinator.isReachable = true;
  await host.clock.advance(5_000);
  expect(host.coordinator.of('check').length).toBeGreaterThan(0);
  expect(noSession()).toBeNull();
  agent.stop();
  await ended(agent);
});

test('H17: a coordinator that does not serve this protocol counts as one that cannot be asked, a refusal does not', async () => {
  for (const [reason, code] of [
    ['protocol-unsupported', 'desired-version-unavailable'],
    ['quarantined', 'session-refused'],
  ] as const) {
    const host = new TestHost();
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind !== 'hello') return false;
      session.send({ kind: 'goodbye', message: { reason, retryAfterMs: 0 } });
      return true;
    };
    const agent = host.boot();
    await until(() => readStateFacts(host.databasePath).noSession !== null, 'a note');
    expect(readStateFacts(host.databasePath).noSession?.code).toBe(code);
    agent.stop();
    await ended(agent);
  }
});

test('O2: the name that an operator gave is remembered, and an old coordinator that says none takes nothing away', async () => {
  const host = new TestHost();
  host.coordinator.welcome = { agentName: 'web-renamed' };
  const agent = await bootLive(host);
  expect(readStateFacts(host.databasePath).nameAtCoordinator).toBe('web-renamed');
  agent.stop();
  await ended(agent);
  host.coordinator.welcome = {};
  const again = await bootLive(host);
  expect(readStateFacts(host.databasePath).nameAtCoordinator).toBe('web-renamed');
  again.stop();
  await ended(again);
});
