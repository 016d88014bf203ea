import { EXIT } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import type { AgentFrame, FinishMessage } from '@moult/protocol';
import { describe, expect, test } from 'vitest';
import { settle, until } from '../../../test/support/manual-clock.ts';
import { bootLive, ended, grantsAll, NONCE, order } from './support/driving.ts';
import { type Booted, components, LAUNCHER, NEW, OLD, TestHost } from './support/host.ts';

const onTrial = {
  slot: NEW,
  components: components({
    agent: { committed: OLD, previous: null, trialAttemptId: 'command-1/1', refused: [] },
  }),
};

async function upgradeToHandOver(host: TestHost): Promise<Booted> {
  const agent = await bootLive(host);
  grantsAll(host);
  order(host);
  await ended(agent);
  return agent;
}

describe('an upgrade', () => {
  test('H4 H7: is accepted, fetched, permitted twice, handed to the launcher, and the process makes way', async () => {
    const host = new TestHost();
    const agent = await upgradeToHandOver(host);
    expect(agent.exit).toBe(EXIT.bootRecorded);
    expect(host.coordinator.of('accept')).toEqual([{ commandId: 'command-1', attempt: 1 }]);
    expect(host.coordinator.of('permission').map(({ point }) => point)).toEqual([
      'drain',
      'switch',
    ]);
    expect(agent.launcher.requests('try')).toMatchObject([
      { component: 'agent', slot: NEW, attemptId: 'command-1/1', probationMs: 60_000 },
    ]);
  });

  test('U1 N5: the new process is attested, healthy for the whole probation, confirmed, committed, and only then reported', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    const agent = await bootLive(host, onTrial);
    const hello = host.coordinator.of('hello').at(-1);
    expect(hello).toMatchObject({ commandNonce: NONCE, version: '1.1.0', digest: NEW.digest });
    await until(
      () => host.coordinator.of('report').at(-1)?.marks.includes('probation') === true,
      'probation',
    );
    await host.clock.advance(59_000);
    expect(host.coordinator.of('report').some(({ upgrade }) => upgrade?.isHealthy)).toBe(false);
    await host.clock.advance(2_000);
    expect(host.coordinator.of('report').at(-1)?.upgrade).toMatchObject({
      isHealthy: true,
      step: 'probation',
    });
    expect(agent.launcher.requests('commit')).toEqual([]);
    host.coordinator.last.send({
      kind: 'confirm',
      message: { commandId: 'command-1', attempt: 1 },
    });
    await until(() => host.coordinator.received.length > 0, 'the report of the end');
    expect(agent.launcher.requests('commit')).toMatchObject([{ attemptId: 'command-1/1' }]);
    const item = host.coordinator.received[0]?.items[0];
    expect(item).toMatchObject({
      item: 'finish',
      finish: {
        outcome: 'succeeded',
        commandId: 'command-1',
        current: { digest: NEW.digest },
        from: { digest: OLD.digest },
      },
    });
    await host.clock.advance(1_000);
    expect(host.coordinator.of('report').at(-1)).toMatchObject({
      state: 'Up',
      marks: [],
      upgrade: null,
    });
    agent.stop();
    await ended(agent);
    expect(agent.exit).toBe(EXIT.restartSame);
  });

  test('U19: a confirm that comes before the version is well commits nothing', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    const agent = await bootLive(host, onTrial);
    const confirm = {
      kind: 'confirm',
      message: { commandId: 'command-1', attempt: 1 },
    } as const;
    await host.clock.advance(59_000);
    host.coordinator.last.send(confirm);
    await host.clock.advance(500);
    expect(agent.launcher.requests('commit')).toEqual([]);
    await host.clock.advance(2_000);
    host.coordinator.last.send(confirm);
    await until(() => agent.launcher.requests('commit').length > 0, 'the commit');
    agent.stop();
    await ended(agent);
  });

  test('H11: what the launcher rolled back is reported with its evidence by the version before', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    const evidence = {
      reason: 'crashed',
      detail: 'exit 1',
      exitCode: 1,
      signal: null,
      logLines: ['boom'],
      samples: [],
    } as const;
    const agent = await bootLive(host, {
      components: components({
        agent: {
          committed: OLD,
          previous: null,
          trialAttemptId: null,
          refused: [{ version: '1.1.0', digest: NEW.digest, attemptId: 'command-1/1', evidence }],
        },
      }),
    });
    await until(() => host.coordinator.received.length > 0, 'the report');
    expect(host.coordinator.received[0]?.items[0]).toMatchObject({
      finish: {
        outcome: 'rolled-back',
        code: 'crashed',
        evidence: { logLines: ['boom'], exitCode: 1 },
      },
    });
    agent.stop();
    await ended(agent);
  });

  test('a rejected version is refused at the launcher and makes way', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    const agent = await bootLive(host, onTrial);
    host.coordinator.last.send({
      kind: 'reject',
      message: { commandId: 'command-1', attempt: 1, reason: 'wrong digest' },
    });
    await ended(agent);
    expect(agent.exit).toBe(EXIT.bootRecorded);
    expect(agent.launcher.requests('refuse')).toMatchObject([
      {
        attemptId: 'command-1/1',
        evidence: { reason: 'rejected-by-coordinator', detail: 'wrong digest' },
      },
    ]);
  });

  test('T27: a version that cannot upgrade again never becomes healthy, and says so to the launcher', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    host.trustTrouble = new CodedError('trust-unreachable', 'broken fetcher');
    const agent = await bootLive(host, onTrial);
    await host.clock.advance(300_000);
    expect(host.coordinator.of('report').some(({ upgrade }) => upgrade?.isHealthy)).toBe(false);
    expect(agent.launcher.posted.at(-1)).toMatchObject({
      kind: 'heartbeat',
      healthy: false,
      reached: true,
    });
    expect(agent.launcher.posted.at(-1)).toMatchObject({
      trouble: expect.stringMatching(/^cannot-upgrade-again/),
    });
    agent.stop();
    await ended(agent);
  });

  test('U12: health that breaks in the middle of probation starts the count anew', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    const agent = await bootLive(host, onTrial);
    await host.clock.advance(50_000);
    host.slotsTrouble = 'read-only';
    await host.clock.advance(10_000);
    host.slotsTrouble = null;
    await host.clock.advance(50_000);
    expect(host.coordinator.of('report').some(({ upgrade }) => upgrade?.isHealthy)).toBe(false);
    await host.clock.advance(20_000);
    expect(host.coordinator.of('report').at(-1)?.upgrade?.isHealthy).toBe(true);
    agent.stop();
    await ended(agent);
  });

  test('R23: a version on trial whose own checks begin to fail says why, and when they pass again', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    const agent = await bootLive(host, onTrial);
    const detail = () => host.coordinator.of('report').at(-1)?.upgrade?.detail;
    await host.clock.advance(20_000);
    expect(detail()).toBe('');
    host.trustTrouble = new CodedError('trust-expired', 'past its date');
    await host.clock.advance(10_000);
    expect(detail()).toBe('cannot-upgrade-again: trust-expired: past its date');
    host.trustTrouble = null;
    await host.clock.advance(10_000);
    expect(detail()).toBe('');
    agent.stop();
    await ended(agent);
  });

  test('U12: what a stopped machine slept is no health: the whole probation is watched', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    const agent = await bootLive(host, onTrial);
    await host.clock.advance(3_000);
    host.clock.stall(86_400_000);
    await host.clock.advance(40_000);
    expect(host.coordinator.of('report').some(({ upgrade }) => upgrade?.isHealthy)).toBe(false);
    await host.clock.advance(30_000);
    expect(host.coordinator.of('report').at(-1)?.upgrade?.isHealthy).toBe(true);
    agent.stop();
    await ended(agent);
  });

  test("B13: metadata that takes minutes to come is the world's slowness, and told as what the probes decide", async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    host.adjust = (ports) => ({
      ...ports,
      trust: {
        ...ports.trust,
        release: async (wanted, signal) => {
          await ports.clock.sleep(110_000, signal);
          return await ports.trust.release(wanted, signal);
        },
      },
    });
    const agent = await bootLive(host, onTrial);
    await host.clock.advance(100_000);
    host.coordinator.last.send({ kind: 'ping', message: { id: 1 } });
    await host.clock.advance(6_000);
    expect(agent.launcher.posted.at(-1)).toMatchObject({
      kind: 'heartbeat',
      reached: true,
      healthy: false,
      trouble: expect.stringMatching(/^cannot-upgrade-again/),
    });
    await host.clock.advance(10_000);
    expect(agent.launcher.posted.at(-1)).toMatchObject({ healthy: true });
    agent.stop();
    await ended(agent);
  });

  test('B11: a dial in probation looks at the metadata anew, and says how it is before it is answered', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    host.trustTrouble = new CodedError('trust-unreachable', 'the world is away');
    const agent = await bootLive(host, onTrial);
    await host.clock.advance(2_000);
    host.trustTrouble = null;
    agent.launcher.say({ kind: 'dial' });
    await until(() => agent.launcher.requests('dialled').length === 1, 'an answer');
    expect(agent.launcher.posted.slice(-2)).toMatchObject([
      { kind: 'heartbeat', healthy: true },
      { kind: 'dialled', reached: true },
    ]);
    agent.stop();
    await ended(agent);
  });

  test('T21: a wall clock that is set back ten years does not hold up what watches a trial', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    let looks = 0;
    host.adjust = (ports) => ({
      ...ports,
      slots: {
        ...ports.slots,
        manifestOf: async (component, slot) => {
          looks += 1;
          if (looks === 1) throw new Error('EIO');
          return await ports.slots.manifestOf(component, slot);
        },
      },
    });
    const agent = await bootLive(host, onTrial);
    host.clock.jump(-10 * 365 * 86_400_000);
    await host.clock.advance(130_000);
    expect(host.coordinator.of('report').at(-1)?.upgrade?.isHealthy).toBe(true);
    agent.stop();
    await ended(agent);
  });

  test('a confirm that was lost is asked for again', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    const agent = await bootLive(host, onTrial);
    await host.clock.advance(61_000);
    const count = () =>
      host.coordinator.of('report').filter(({ upgrade }) => upgrade?.isHealthy).length;
    const before = count();
    await host.clock.advance(41_000);
    expect(count()).toBeGreaterThan(before);
    agent.stop();
    await ended(agent);
  });

  test('U11: the version before that boots while the trial stands does not pass itself off as the new one', async () => {
    const host = new TestHost();
    await upgradeToHandOver(host);
    const agent = await bootLive(host, { ...onTrial, slot: OLD });
    await host.clock.advance(31_000);
    await ended(agent);
    expect(agent.exit).toBe(EXIT.bootRecorded);
    expect(
      host.coordinator
        .of('report')
        .some(({ state, marks }) => state === 'Up' && marks.includes('probation')),
    ).toBe(false);
  });

  test('H12 B14: the launcher is upgraded by the same machine, attested by its own digest, also by an agent that no repository has', async () => {
    const host = new TestHost();
    host.release(LAUNCHER, { component: 'launcher' });
    host.released.delete('agent 1.0.0');
    const agent = await bootLive(host);
    grantsAll(host);
    order(host, { component: 'launcher', version: '0.9.0' });
    await ended(agent);
    expect(agent.launcher.requests('try')).toMatchObject([
      { component: 'launcher', slot: LAUNCHER },
    ]);
    const next = await bootLive(host, {
      launcherDigest: LAUNCHER.digest,
      components: components({
        launcher: { committed: null, previous: null, trialAttemptId: 'command-1/1', refused: [] },
      }),
    });
    await host.clock.advance(61_000);
    host.coordinator.last.send({
      kind: 'confirm',
      message: { commandId: 'command-1', attempt: 1 },
    });
    await until(() => next.launcher.requests('commit').length > 0, 'commit');
    expect(next.launcher.requests('commit')).toMatchObject([{ component: 'launcher' }]);
    next.stop();
    await ended(next);
  });
});

describe('before the switch nothing is touched', () => {
  async function outcomeOf(
    host: TestHost,
    more: Parameters<typeof order>[1] = {},
  ): Promise<FinishMessage | undefined> {
    const agent = await bootLive(host);
    grantsAll(host);
    order(host, more);
    for (let turn = 0; turn < 40 && host.coordinator.received.length === 0; turn++) {
      await host.clock.advance(900_000);
      await settle();
    }
    agent.stop();
    await ended(agent);
    const item = host.coordinator.received[0]?.items[0];
    return item?.item === 'finish' ? item.finish : undefined;
  }

  test('what runs already is already there', async () => {
    expect(await outcomeOf(new TestHost(), { version: '1.0.0' })).toMatchObject({
      outcome: 'already-there',
    });
  });

  test('H17: a version that is none is answered with its own code', async () => {
    expect(await outcomeOf(new TestHost(), { version: 'latest' })).toMatchObject({
      outcome: 'failed',
      code: 'desired-version-invalid',
    });
  });

  test('an unknown component is answered, not left lying', async () => {
    expect(await outcomeOf(new TestHost(), { component: 'database' })).toMatchObject({
      outcome: 'failed',
      code: 'component-unknown',
    });
  });

  test('PF1 T24: too little disk fails with the figures, after the retries', async () => {
    const host = new TestHost();
    host.freeBytes = 1024 * 1024;
    expect(await outcomeOf(host)).toMatchObject({
      outcome: 'failed',
      code: 'disk-reserve',
      message: expect.stringContaining('1 MiB are free, 64 MiB are needed'),
    });
  });

  test('PF1: every failing check is named at once', async () => {
    const host = new TestHost();
    host.freeBytes = 0;
    host.slotsTrouble = 'not ours';
    host.loseFallback();
    host.release(NEW, { minimumLauncher: '2.0.0' });
    expect(await outcomeOf(host)).toMatchObject({
      code: 'launcher-too-old',
      message: expect.stringMatching(
        /wants 2\.0\.0, this host has 0\.9\.0; directory: not ours; disk: .*; fallback: 1\.0\.0 was changed by hand: bin\/node \(changed\); its release is gone/,
      ),
    });
  });

  test('PF1: a clock that is days off holds an upgrade, until it is set', async () => {
    const host = new TestHost();
    host.coordinator.nowMs = () => host.clock.nowMs() + 3 * 86_400_000;
    expect(await outcomeOf(host)).toMatchObject({
      code: 'clock-off',
      message: 'clock: 259200 s behind the coordinator’s',
    });
  });

  test('PF7: switched off, only what the release demands is looked at', async () => {
    const host = new TestHost();
    host.isPreflightOff = true;
    host.freeBytes = 0;
    host.loseFallback();
    host.release(NEW, { minimumLauncher: '2.0.0' });
    const end = await outcomeOf(host);
    expect({ code: end?.code, message: end?.message }).toEqual({
      code: 'launcher-too-old',
      message: 'launcher: 1.1.0 wants 2.0.0, this host has 0.9.0',
    });
  });

  test('N4 H17: a release that no release key signed is never fetched', async () => {
    expect(await outcomeOf(new TestHost(), { version: '6.6.6' })).toMatchObject({
      code: 'desired-version-invalid',
      message: 'release-unknown: no 6.6.6',
    });
  });

  test('H17: a fetch that fails for good ends the attempt, the old version running on', async () => {
    const host = new TestHost();
    host.stageTrouble = new CodedError('fetch-failed', 'gone');
    expect(await outcomeOf(host)).toMatchObject({
      outcome: 'failed',
      code: 'packages-not-refreshed',
      message: 'fetch-failed: gone',
    });
  });

  test('U6: an unanswered last permission sends the agent back to work', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind !== 'permission') return false;
      if (frame.message.point === 'drain')
        session.send({ kind: 'granted', message: frame.message });
      return true;
    };
    order(host);
    const states = () => host.coordinator.of('report').map(({ state }) => state);
    const points = () => host.coordinator.of('permission').map(({ point }) => point);
    await until(() => points().includes('switch'), 'the last question');
    await host.clock.advance(500);
    expect(states().at(-1)).toBe('Upgrading');
    await host.clock.advance(30_000);
    expect(states().at(-1)).toBe('Up');
    await host.clock.advance(5_000);
    expect(points()).toEqual(['drain', 'switch', 'drain', 'switch']);
    expect(agent.launcher.requests('try')).toEqual([]);
    agent.stop();
    await ended(agent);
  });

  test('U6: a last question whose session ends sends the agent back to work at once', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    let isGranting = false;
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind !== 'permission') return false;
      if (isGranting || frame.message.point === 'drain')
        session.send({ kind: 'granted', message: frame.message });
      else session.drop();
      return true;
    };
    order(host);
    const points = () => host.coordinator.of('permission').map(({ point }) => point);
    await until(() => points().includes('switch'), 'the last question');
    isGranting = true;
    // Well within the 30 s that an answer may take: a new session, then the question again.
    for (let second = 0; second < 10; second += 1) await host.clock.advance(1_000);
    await until(() => agent.launcher.requests('try').length === 1, 'the switch after all');
    expect(points()).toEqual(['drain', 'switch', 'drain', 'switch']);
    agent.stop();
    await ended(agent);
  });

  test('U5: a grant for draining is none for the switch', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind !== 'permission') return false;
      session.send({ kind: 'granted', message: { ...frame.message, point: 'drain' } });
      return true;
    };
    order(host);
    await until(() => host.coordinator.of('permission').length === 2, 'both questions');
    await host.clock.advance(29_000);
    expect(agent.launcher.requests('try')).toEqual([]);
    agent.stop();
    await ended(agent);
  });

  test('a final denial ends the attempt', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind !== 'permission') return false;
      session.send({
        kind: 'denied',
        message: { ...frame.message, reason: 'cancelled', isFinal: true },
      });
      return true;
    };
    order(host);
    await until(() => host.coordinator.received.length > 0, 'the report');
    expect(host.coordinator.received[0]?.items[0]).toMatchObject({
      finish: { outcome: 'denied', message: 'cancelled' },
    });
    agent.stop();
    await ended(agent);
  });
});

describe('U8: the inbox', () => {
  test('a command is on the disk when it is accepted, and accepted again when it is repeated', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    host.trustTrouble = new CodedError('trust-unreachable', 'no way');
    order(host);
    await until(() => host.coordinator.of('accept').length === 1, 'accept');
    const store = host.store();
    expect(store.inbox.waiting()[0]?.commandId).toBe('command-1');
    store.close();
    order(host);
    await until(() => host.coordinator.of('accept').length === 2, 'a second accept');
    agent.stop();
    await ended(agent);
  });

  test('a finished command that is sent again is answered with its report, and not run again', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    order(host, { version: '1.0.0' });
    await until(() => host.coordinator.received.length === 1, 'the report');
    order(host, { version: '1.0.0' });
    await until(() => host.coordinator.received.length === 2, 'the report again');
    const [first, second] = host.coordinator.received.map(({ items }) => items);
    expect(second).toEqual(first);
    agent.stop();
    await ended(agent);
  });

  test('U2: a second order waits until the first is over', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    order(host, { version: '6.6.6', commandId: 'first' });
    order(host, { version: '1.0.0', commandId: 'second' });
    for (let turn = 0; turn < 20 && host.coordinator.received.length < 2; turn++)
      await host.clock.advance(3_600_000);
    const finished = host.coordinator.received
      .flatMap(({ items }) => items)
      .map((item) => (item.item === 'finish' ? item.finish.commandId : ''));
    expect(finished).toEqual(['first', 'second']);
    agent.stop();
    await ended(agent);
  });
});

test('every frame that a whole upgrade sends fits the wire', async () => {
  const host = new TestHost();
  await upgradeToHandOver(host);
  const kinds = new Set<AgentFrame['kind']>(host.coordinator.frames.map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual([
    'accept',
    'check',
    'hello',
    'permission',
    'progress',
    'prove',
    'report',
  ]);
});
