import { EXIT } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import { describe, expect, test } from 'vitest';
import { settle, until } from '../../../test/support/manual-clock.ts';
import {
  bootLive,
  control,
  ended,
  endOf,
  finishes,
  grantsAll,
  order,
  takeBack,
} from './support/driving.ts';
import { type Booted, components, NEW, OLD, slotOf, TestHost } from './support/host.ts';

const MAJOR = slotOf('2.0.0', 'd');

function shownState(host: TestHost): string | undefined {
  return host.coordinator.of('report').at(-1)?.state;
}

async function shows(host: TestHost, state: string): Promise<void> {
  await passing(host, () => shownState(host) === state, state);
}

/** Reports are coalesced: a little time has to go by. */
async function passing(host: TestHost, isTrue: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 20 && !isTrue(); turn++) await host.clock.advance(300);
  await until(isTrue, what);
}

async function stopped(booted: Booted): Promise<void> {
  booted.stop();
  await ended(booted);
}

/** Upgrades as far as the launcher, which then boots the old version again: it has refused the new one. */
async function rollBack(host: TestHost, slot: typeof NEW, spawned = {}): Promise<Booted> {
  host.release(slot);
  const before = await bootLive(host, spawned);
  grantsAll(host);
  order(host, { version: slot.version });
  await ended(before);
  const { version, digest } = slot;
  const evidence = {
    reason: 'crashed',
    detail: 'it ended with exit code 1',
    exitCode: 1,
    signal: null,
    logLines: [],
    samples: [],
  } as const;
  const refused = [{ version, digest, attemptId: 'command-1/1', evidence }];
  const agent = { committed: OLD, previous: null, trialAttemptId: null, refused };
  return bootLive(host, { components: components({ agent }) });
}

describe('H5 A3: a pause', () => {
  test('is done at once, said once, and survives the process', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    control(host, 'pause');
    expect(await endOf(host, 'pause')).toMatchObject({ outcome: 'succeeded', component: '' });
    await shows(host, 'Paused');
    await stopped(agent);
    await bootLive(host);
    await shows(host, 'Paused');
    control(host, 'pause', 'pause-2');
    expect((await endOf(host, 'pause-2')).outcome).toBe('already-there');
    control(host, 'resume');
    expect((await endOf(host, 'resume')).outcome).toBe('succeeded');
    await shows(host, 'Up');
    expect(finishes(host)).toHaveLength(3);
  });

  test('does not wait behind an upgrade that is fetching, and is there after it was rolled back', async () => {
    const host = new TestHost();
    host.trustTrouble = new CodedError('trust-unreachable', 'away');
    const agent = await bootLive(host);
    order(host);
    const step = () => host.coordinator.of('report').at(-1)?.upgrade?.step;
    await passing(host, () => step() === 'preflight', 'a preflight that waits');
    control(host, 'pause');
    expect((await endOf(host, 'pause')).outcome).toBe('succeeded');
    expect(finishes(host)).toHaveLength(1);
    await stopped(agent);
  });

  test('that is ordered while it drains begins when the upgrade is over', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind !== 'permission' || frame.message.point !== 'drain') return false;
      session.send({ kind: 'granted', message: frame.message });
      return true;
    };
    order(host);
    await shows(host, 'Upgrading');
    control(host, 'pause');
    await settle();
    expect(finishes(host)).toEqual([]);
    // The last permission is never answered: it goes back to work, and the pause can begin.
    await host.clock.advance(31_000);
    expect((await endOf(host, 'pause')).outcome).toBe('succeeded');
    await stopped(agent);
  });
});

describe('H5 A6: a restart', () => {
  test('ends the process with 76, and the next one says that it happened', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    control(host, 'restart');
    await ended(agent);
    expect(agent.exit).toBe(EXIT.restartSame);
    expect(finishes(host)).toEqual([]);
    await bootLive(host);
    expect(await endOf(host, 'restart')).toMatchObject({ outcome: 'succeeded', code: '' });
    // Sent again, as a coordinator does that lost the word: nothing restarts a second time.
    control(host, 'restart');
    await settle();
    const states = host.coordinator.of('hello');
    expect(states).toHaveLength(2);
  });

  test('A2: is refused while a new version is on trial, whoever sent it, and so is a resume', async () => {
    const host = new TestHost();
    const first = await bootLive(host);
    grantsAll(host);
    order(host);
    await ended(first);
    const agent = { committed: OLD, previous: null, trialAttemptId: 'command-1/1', refused: [] };
    await bootLive(host, { slot: NEW, components: components({ agent }) });
    control(host, 'pause');
    expect((await endOf(host, 'pause')).outcome).toBe('succeeded');
    for (const action of ['restart', 'resume']) {
      control(host, action);
      expect(await endOf(host, action)).toMatchObject({
        outcome: 'failed',
        code: 'action-refused',
        message: 'the agent is Paused: in-probation',
      });
    }
  });
});

describe('H8 A4: Upgrade Failed', () => {
  test('follows another major version that was rolled back, outlives the process, and is cleared', async () => {
    const host = new TestHost();
    const agent = await rollBack(host, MAJOR);
    await shows(host, 'Upgrade Failed');
    expect((await endOf(host)).outcome).toBe('rolled-back');
    await stopped(agent);
    await bootLive(host);
    await shows(host, 'Upgrade Failed');
    control(host, 'pause');
    expect(await endOf(host, 'pause')).toMatchObject({
      outcome: 'failed',
      code: 'action-refused',
      message: 'the agent is Upgrade Failed: upgrade-failed',
    });
    control(host, 'clear');
    expect((await endOf(host, 'clear')).outcome).toBe('succeeded');
    await shows(host, 'Up');
  });

  test('does not follow one within the major version', async () => {
    const host = new TestHost();
    await rollBack(host, NEW);
    expect((await endOf(host)).outcome).toBe('rolled-back');
    await shows(host, 'Up');
  });

  test('hides a pause, which is there again when it is cleared', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    control(host, 'pause');
    await endOf(host, 'pause');
    await stopped(agent);
    await rollBack(host, MAJOR);
    await shows(host, 'Upgrade Failed');
    control(host, 'clear');
    await endOf(host, 'clear');
    await shows(host, 'Paused');
  });

  test('is ended by a forced upgrade to what runs', async () => {
    const host = new TestHost();
    await rollBack(host, MAJOR);
    await shows(host, 'Upgrade Failed');
    await endOf(host);
    order(host, { commandId: 'command-2', version: OLD.version, isForced: true });
    expect((await endOf(host, 'command-2')).outcome).toBe('already-there');
    await shows(host, 'Up');
  });
});

test('a command of a kind that this version does not know is answered, not left lying', async () => {
  const host = new TestHost();
  await bootLive(host);
  control(host, 'dance');
  expect(await endOf(host, 'dance')).toMatchObject({
    outcome: 'failed',
    code: 'command-unknown',
    message: 'this version cannot dance',
  });
});

describe('U20: an order that is taken back without having been asked about', () => {
  test('is not waited out: the attempt ends while its retry is an hour away', async () => {
    const host = new TestHost();
    host.trustTrouble = new CodedError('trust-refused', 'who signed this');
    await bootLive(host);
    order(host);
    await settle();
    takeBack(host);
    expect(await endOf(host)).toMatchObject({ outcome: 'denied', message: 'revoked' });
  });

  test('and had not begun ends as well, behind the upgrade that is on its way', async () => {
    const host = new TestHost();
    host.trustTrouble = new CodedError('trust-refused', 'who signed this');
    await bootLive(host);
    order(host);
    order(host, { commandId: 'command-2' });
    await settle();
    takeBack(host, 'command-2');
    expect((await endOf(host, 'command-2')).outcome).toBe('denied');
    expect(finishes(host)).toHaveLength(1);
  });
});

test('P7 U9: a session that comes back begins the fetch that the network had failed', async () => {
  const host = new TestHost();
  host.stageTrouble = new CodedError('fetch-failed', 'cut');
  await bootLive(host);
  order(host);
  await settle();
  host.stageTrouble = null;
  grantsAll(host);
  expect(host.coordinator.of('permission')).toEqual([]);
  host.coordinator.last.drop();
  // Far less than the minute that the retry would wait.
  await host.clock.advance(5_000);
  await until(() => host.coordinator.of('permission').length > 0, 'the question');
});

describe('U21: a host whose committed slot is damaged, so that the version before runs', () => {
  const agent = { committed: NEW, previous: OLD, trialAttemptId: null, refused: [] };
  const fallenBack = { slot: OLD, components: components({ agent }) };

  test('stages that version anew when it is ordered, and has succeeded once it runs', async () => {
    const host = new TestHost();
    const before = await bootLive(host, fallenBack);
    grantsAll(host);
    order(host);
    await ended(before);
    expect(before.exit).toBe(EXIT.bootRecorded);
    expect(before.launcher.requests('try')).toEqual([]);
    await bootLive(host, { ...fallenBack, slot: NEW });
    expect(await endOf(host)).toMatchObject({
      outcome: 'succeeded',
      current: { digest: NEW.digest },
    });
  });

  test('says so when the launcher still cannot start it', async () => {
    const host = new TestHost();
    const first = await bootLive(host, fallenBack);
    grantsAll(host);
    order(host);
    await ended(first);
    for (let boot = 1; boot <= 3; boot++) {
      const again = host.boot(fallenBack);
      await host.clock.advance(20_000);
      await ended(again);
      expect(again.exit).toBe(EXIT.bootRecorded);
    }
    await bootLive(host, fallenBack);
    expect(await endOf(host)).toMatchObject({ outcome: 'failed', code: 'slot-corrupt' });
  });
});
