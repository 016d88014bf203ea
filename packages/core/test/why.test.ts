/* R23: one reason, what of it concerns this agent, and the command that frees it as it can be typed. */
import { describe, expect, test } from 'vitest';
import {
  type Explained,
  explain,
  type NothingOpen,
  type OpenCommand,
  OUTDATED,
  type Turn,
  type WhyFacts,
} from '../src/command/index.ts';

const AT = Date.UTC(2026, 10, 26, 6);
const SEEN = '2026-11-26T06:00:00.000Z';
const FACTS: Omit<WhyFacts, 'about'> = {
  agentName: 'web-1',
  component: 'agent',
  platform: 'linux-x64',
  version: '2.0.0',
  isDown: false,
  lastSeenMs: AT,
  state: 'Up',
};
const OPEN: OpenCommand = {
  kind: 'open',
  rollout: null,
  id: 'c1',
  isInFlight: true,
  isWayBack: false,
  holdReason: null,
  hostHoldReason: null,
  notBeforeMs: 0,
  said: null,
  minimumLauncher: null,
  progress: null,
  turn: null,
};
const TURN: Turn = {
  agentName: 'web-2',
  commandId: 'c9',
  state: 'running',
  sinceMs: AT,
  isDown: false,
  lastSeenMs: AT,
};
const NOTHING: NothingOpen = {
  kind: 'nothing-open',
  rollout: null,
  isQuarantined: false,
  isValidated: true,
  isCapable: true,
  hasPlatform: true,
  isRefusedHere: false,
  repair: null,
  last: null,
};

function queued(over: Partial<OpenCommand>, facts: Partial<WhyFacts> = {}): Explained {
  return explain({ ...FACTS, ...facts, about: { ...OPEN, isInFlight: false, ...over } });
}

function inFlight(over: Partial<OpenCommand>, facts: Partial<WhyFacts> = {}): Explained {
  return explain({ ...FACTS, ...facts, about: { ...OPEN, ...over } });
}

function nothing(over: Partial<NothingOpen>, facts: Partial<WhyFacts> = {}): Explained {
  return explain({ ...FACTS, ...facts, about: { ...NOTHING, ...over } });
}

function at(step: string, detail = ''): Pick<OpenCommand, 'progress'> {
  return { progress: { step, detail, sinceMs: AT } };
}

describe('a command that waits in the queue', () => {
  test('says what holds it, and what frees it', () => {
    expect(queued({ holdReason: 'paused' })).toEqual({
      reason: 'paused',
      detail: null,
      freedBy: 'moult agents resume web-1',
    });
    expect(queued({ holdReason: 'manual-upgrade-required' }).reason).toBe(
      'manual-upgrade-required',
    );
  });

  test('says since when its agent is Down, which no command mends', () => {
    const down = { reason: 'agent-down', freedBy: null };
    expect(queued({ holdReason: 'agent-down' })).toEqual({ ...down, detail: `last seen ${SEEN}` });
    const never = queued({ holdReason: null }, { isDown: true, lastSeenMs: null });
    expect(never).toEqual({ ...down, detail: 'never seen' });
  });

  test('says when the next try is due', () => {
    expect(queued({ holdReason: 'retry-backoff', notBeforeMs: AT })).toEqual({
      reason: 'retry-backoff',
      detail: `next try ${SEEN}`,
      freedBy: 'moult agents upgrade web-1 --to 2.0.0',
    });
  });

  test('names who has the turn, and how to take it from one that is Down', () => {
    const has = `web-2 has the turn with command c9, running since ${SEEN}`;
    const waiting = { holdReason: 'awaiting-turn' } as const;
    expect(queued({ ...waiting, turn: TURN })).toEqual({
      reason: 'awaiting-turn',
      detail: has,
      freedBy: null,
    });
    expect(queued({ ...waiting, turn: { ...TURN, isDown: true } })).toEqual({
      reason: 'awaiting-turn',
      detail: `${has}, and is Down, last seen ${SEEN}`,
      freedBy: 'moult commands revoke c9',
    });
    expect(queued(waiting)).toEqual({ reason: 'awaiting-turn', detail: null, freedBy: null });
  });

  test('H12: names the launcher that the release demands, as it is ordered', () => {
    expect(queued({ holdReason: 'launcher-too-old', minimumLauncher: '1.1.0' })).toEqual({
      reason: 'launcher-too-old',
      detail: '2.0.0 wants 1.1.0 or a newer one',
      freedBy: 'moult agents upgrade web-1 --component launcher --to 1.1.0',
    });
  });

  test('for a launcher is freed by an order for the launcher', () => {
    const launcher = { component: 'launcher' } as const;
    expect(queued({ holdReason: 'retry-backoff' }, launcher).freedBy).toBe(
      'moult agents upgrade web-1 --to 2.0.0 --component launcher',
    );
    expect(queued({ holdReason: 'refused-here' }, launcher).freedBy).toMatch(
      /web-1 --to OTHER --component launcher, .+web-1 --to 2.0.0 --force --component launcher\)$/,
    );
    expect(queued({ holdReason: 'launcher-too-old' }, launcher).freedBy).toBe(
      'moult agents upgrade web-1 --component launcher',
    );
  });
});

describe('a command that the host has', () => {
  test('is taken back from a host that is Down', () => {
    expect(inFlight(at('fetching'), { isDown: true })).toEqual({
      reason: 'agent-down',
      detail: `the host has command c1; last seen ${SEEN}`,
      freedBy: 'moult commands revoke c1',
    });
  });

  test('of a way back is never offered to be taken back', () => {
    const away = inFlight({ isWayBack: true }, { isDown: true, version: '1.0.0' });
    expect(away).toEqual({
      reason: 'agent-down',
      detail: `it goes back to 1.0.0 as soon as it comes; last seen ${SEEN}`,
      freedBy: expect.stringMatching(/^moult agent status \(on the host.+moult agent rollback/),
    });
  });

  test('H14: waits for whoever starts an agent that has ended to become another version', () => {
    const awaited = { hostHoldReason: 'awaiting-start' } as const;
    expect(inFlight({ ...awaited, ...at('draining') }, { isDown: true })).toEqual({
      reason: 'awaiting-start',
      detail: `it has ended to become 2.0.0 by command c1; last seen ${SEEN}`,
      freedBy: 'moult agent run (on the host)',
    });
  });

  test('says the step that it is at', () => {
    const upgrading = { reason: 'upgrading', freedBy: null };
    expect(inFlight(at('fetching'))).toEqual({ ...upgrading, detail: `fetching since ${SEEN}` });
    expect(inFlight({})).toEqual({ ...upgrading, detail: null });
    expect(inFlight(at('probation')).reason).toBe('in-probation');
    expect(inFlight(at('probation', 'no metadata'))).toMatchObject({ detail: 'no metadata' });
  });

  test('says what the preflight found', () => {
    expect(inFlight(at('preflight', 'disk-full: 3 MB are free'))).toEqual({
      reason: 'preflight-failed',
      detail: 'disk-full: 3 MB are free',
      freedBy: 'moult agents show web-1',
    });
    expect(inFlight(at('preflight')).reason).toBe('upgrading');
  });

  test('says what the host tries again, and is ended by taking it back', () => {
    expect(inFlight(at('fetching', 'fetch-failed: m'))).toEqual({
      reason: 'retry-backoff',
      detail: 'fetching: fetch-failed: m',
      freedBy: 'moult commands revoke c1',
    });
  });

  test('waits for a resume once it needs permission, and for what the host itself says', () => {
    expect(inFlight(at('rehearsed'), { state: 'Paused' }).reason).toBe('paused');
    const locked = { ...at('preflight', '/run/lock'), hostHoldReason: 'host-locked' } as const;
    expect(inFlight(locked)).toMatchObject({ reason: 'host-locked', detail: '/run/lock' });
  });

  test('says why it was not permitted to go on, and what frees it', () => {
    const denied = { ...at('rehearsed'), holdReason: 'rollout-failed' } as const;
    expect(inFlight(denied)).toEqual({
      reason: 'rollout-failed',
      detail: null,
      freedBy: 'moult commands revoke c1',
    });
    const waits = { ...denied, holdReason: 'awaiting-turn', turn: TURN } as const;
    expect(inFlight(waits)).toMatchObject({ reason: 'awaiting-turn' });
    expect(inFlight({ ...denied, ...at('draining') }).reason).toBe('upgrading');
  });
});

test('R23: one that has failed in a rollout names it, how, and where the evidence is', () => {
  const failure = 'rolled back (crashed): it ended';
  const about = { kind: 'failed-in-rollout', rollout: 'spring', failure } as const;
  expect(explain({ ...FACTS, about })).toEqual({
    reason: 'failed-in-rollout',
    detail: `spring: ${failure}`,
    freedBy: 'moult rollouts report spring --agent web-1',
  });
});

test('a trial of what a restored coordinator does not have names it', () => {
  expect(explain({ ...FACTS, about: { kind: 'release-missing' } })).toEqual({
    reason: 'release-missing',
    detail: '2.0.0',
    freedBy: 'moult release publish PACK',
  });
});

/** What has just failed here is forced last, and under a condition. */
const REFUSED =
  'moult history web-1 (the evidence; then another version, moult agents upgrade web-1 --to OTHER, or the choice taken back, moult agents desired (--unset); if the release is good after all, moult agents upgrade web-1 --to 2.0.0 --force)';

describe('with no command', () => {
  const skipped = { state: 'skipped', outcome: 'skipped', message: 'skipped by ann' };
  const failed = { state: 'failed', outcome: 'rolled-back', message: 'crashed' };
  const cases: readonly (readonly [Partial<NothingOpen>, Partial<Explained>])[] = [
    [
      { isQuarantined: true },
      { reason: 'quarantined', freedBy: 'moult agents release-quarantine web-1' },
    ],
    [{ isValidated: false }, { reason: 'unvalidated', freedBy: 'moult agents validate web-1' }],
    [{ isCapable: false }, { reason: 'manual-upgrade-required' }],
    [
      { hasPlatform: false },
      { reason: 'no-platform', freedBy: 'moult release build --platform linux-x64' },
    ],
    [{ isRefusedHere: true, last: failed }, { reason: 'refused-here' }],
    [{ repair: 'refused-here' }, { reason: 'refused-here', freedBy: REFUSED }],
    [
      { repair: 'repair-exhausted' },
      { reason: 'repair-exhausted', freedBy: 'moult agents upgrade web-1 --force' },
    ],
    [
      { last: skipped },
      {
        reason: 'taken-back',
        detail: 'skipped by ann',
        freedBy: 'moult agents upgrade web-1 --to 2.0.0',
      },
    ],
    [{ last: { ...skipped, outcome: OUTDATED } }, { reason: 'retry-backoff', detail: null }],
    [{ last: failed }, { reason: 'retry-backoff', detail: 'crashed' }],
    [{ repair: 'repair' }, { reason: 'retry-backoff' }],
  ];
  test.each(cases)('%o: %o', (over, expected) => {
    expect(nothing(over)).toMatchObject(expected);
  });

  test('what was taken back from an agent that is Down does not come by itself', () => {
    expect(nothing({ last: skipped }, { isDown: true }).reason).toBe('taken-back');
    expect(nothing({}, { isDown: true })).toMatchObject({ reason: 'agent-down', freedBy: null });
  });
});
