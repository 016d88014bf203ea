import type { Evidence, Slot } from '@moult/core/boot';
import {
  attemptIdIn,
  type BootView,
  type Course,
  type EventOf,
  IllegalTransitionError,
  step,
  TRANSITIONS,
  troubleIn,
  type UpgradeEvent,
  type UpgradeOrder,
  type UpgradeState,
  WORK,
  workOf,
} from '@moult/core/upgrade';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const NOW_MS = 1_000_000;
const OLD: Slot = { version: '1.0.0', digest: 'a'.repeat(64), dir: '1.0.0-aaaaaaaa' };
const NEW: Slot = { version: '1.1.0', digest: 'b'.repeat(64), dir: '1.1.0-bbbbbbbb' };
const ORDER: UpgradeOrder = {
  commandId: 'c',
  attempt: 1,
  component: 'agent',
  version: '1.1.0',
  isForced: false,
  isRevert: false,
  nonce: 'ff',
};
const COURSE: Course = {
  order: ORDER,
  from: OLD,
  steps: [],
  bytesFetched: 0,
  bytesTotal: 0,
  rehearsal: 'not-done',
};
const EVIDENCE: Evidence = {
  reason: 'crashed',
  detail: 'exit 1',
  exitCode: 1,
  signal: null,
  logLines: [],
  samples: [],
};
const RETRY = { failures: 0, notBeforeMs: 0 };
const ID = 'c/1';

const STATES: { readonly [K in UpgradeState['kind']]: Extract<UpgradeState, { kind: K }> } = {
  idle: { kind: 'idle' },
  preflight: { kind: 'preflight', course: COURSE, retry: RETRY },
  fetching: { kind: 'fetching', course: COURSE, retry: RETRY },
  staged: { kind: 'staged', course: COURSE, slot: NEW, retry: RETRY },
  rehearsed: { kind: 'rehearsed', course: COURSE, slot: NEW, retry: RETRY },
  draining: { kind: 'draining', course: COURSE, slot: NEW, retry: RETRY },
  switching: { kind: 'switching', course: COURSE, slot: NEW, retry: RETRY },
  probation: { kind: 'probation', course: COURSE, slot: NEW, isAttested: true, retry: RETRY },
  committing: { kind: 'committing', course: COURSE, slot: NEW, retry: RETRY },
  'rolling-back': {
    kind: 'rolling-back',
    course: COURSE,
    slot: NEW,
    reason: 'rejected-by-coordinator',
    detail: '',
    retry: RETRY,
  },
  reporting: { kind: 'reporting', course: COURSE, outcome: { kind: 'succeeded' }, retry: RETRY },
};

const EMPTY = { committed: null, previous: null, trialAttemptId: null, refused: [] };
const VIEWS = {
  untried: { agent: { ...EMPTY, committed: OLD }, launcher: EMPTY },
  'on-trial': { agent: { ...EMPTY, committed: OLD, trialAttemptId: ID }, launcher: EMPTY },
  refused: {
    agent: {
      ...EMPTY,
      committed: OLD,
      refused: [{ version: NEW.version, digest: NEW.digest, attemptId: ID, evidence: EVIDENCE }],
    },
    launcher: EMPTY,
  },
  committed: { agent: { ...EMPTY, committed: NEW, previous: OLD }, launcher: EMPTY },
} as const satisfies Record<string, BootView>;

const RUNS_OLD = { agent: OLD.digest, launcher: null };
const about = { attemptId: ID, nowMs: NOW_MS };
const EVENTS: { readonly [K in UpgradeEvent['kind']]: EventOf<K> } = {
  booted: { kind: 'booted', view: VIEWS['on-trial'], running: RUNS_OLD, nowMs: NOW_MS },
  ordered: { kind: 'ordered', order: ORDER, from: OLD, nowMs: NOW_MS },
  'preflight-passed': { kind: 'preflight-passed', ...about },
  'found-current': { kind: 'found-current', ...about },
  fetched: { kind: 'fetched', slot: NEW, bytesFetched: 5, bytesTotal: 9, ...about },
  'rehearsal-ended': { kind: 'rehearsal-ended', rehearsal: 'passed', ...about },
  'permission-granted': { kind: 'permission-granted', point: 'drain', ...about },
  'permission-denied': {
    kind: 'permission-denied',
    point: 'drain',
    reason: 'r',
    isFinal: false,
    ...about,
  },
  'permission-unanswered': { kind: 'permission-unanswered', point: 'drain', ...about },
  attested: { kind: 'attested', ...about },
  confirmed: { kind: 'confirmed', ...about },
  rejected: { kind: 'rejected', by: 'coordinator', reason: 'r', ...about },
  reconnected: { kind: 'reconnected', ...about },
  committed: { kind: 'committed', ...about },
  reported: { kind: 'reported', ...about },
  'work-failed': {
    kind: 'work-failed',
    code: 'fetch-failed',
    message: 'm',
    isRetryable: true,
    ...about,
  },
};

/** Where each cell leads: a kind of state, `same` (the very state), `again` (the kind, with another retry), or `reject`. */
type Expected = UpgradeState['kind'] | 'same' | 'again' | 'reject';
const DEAF = {
  'permission-granted': 'same',
  'permission-denied': 'same',
  'permission-unanswered': 'same',
  attested: 'same',
  confirmed: 'same',
  rejected: 'same',
  reconnected: 'same',
} as const;
const FOREIGN = {
  'found-current': 'reject',
  'preflight-passed': 'reject',
  fetched: 'reject',
  'rehearsal-ended': 'reject',
  committed: 'reject',
  reported: 'reject',
} as const;
const COMMON = {
  ...DEAF,
  ...FOREIGN,
  booted: 'same',
  ordered: 'same',
  'work-failed': 'again',
} as const;
const CELLS: {
  readonly [S in UpgradeState['kind']]: { readonly [E in UpgradeEvent['kind']]: Expected };
} = {
  // With no attempt on its way, whatever names one is stale before it reaches the table.
  idle: {
    booted: 'same',
    ordered: 'preflight',
    ...Object.fromEntries(
      Object.keys({ ...DEAF, ...FOREIGN, 'work-failed': 0 }).map((kind) => [kind, 'same']),
    ),
  } as { readonly [E in UpgradeEvent['kind']]: Expected },
  preflight: { ...COMMON, 'preflight-passed': 'fetching', 'found-current': 'reporting' },
  fetching: { ...COMMON, fetched: 'staged' },
  staged: { ...COMMON, 'rehearsal-ended': 'rehearsed' },
  rehearsed: {
    ...COMMON,
    'permission-granted': 'draining',
    'permission-denied': 'again',
    'permission-unanswered': 'again',
  },
  draining: {
    ...COMMON,
    'permission-denied': 'rehearsed',
    'permission-unanswered': 'rehearsed',
    'work-failed': 'rehearsed',
  },
  switching: { ...COMMON, booted: 'probation' },
  probation: { ...COMMON, booted: 'again', confirmed: 'committing', rejected: 'rolling-back' },
  committing: { ...COMMON, committed: 'reporting' },
  'rolling-back': COMMON,
  reporting: { ...COMMON, reported: 'idle' },
};

describe('each cell of the table', () => {
  for (const state of Object.values(STATES)) {
    for (const event of Object.values(EVENTS)) {
      const expected = CELLS[state.kind][event.kind];
      test(`${event.kind} in ${state.kind}: ${expected}`, () => {
        if (expected === 'reject') {
          expect(() => step(state, event)).toThrow(IllegalTransitionError);
          return;
        }
        const next = step(state, event);
        if (expected === 'same') expect(next).toBe(state);
        else if (expected === 'again') {
          expect(next.kind).toBe(state.kind);
          expect(next).not.toBe(state);
        } else expect(next.kind).toBe(expected);
      });
    }
  }
});

test('U23: what is only to be made ready is over once it is rehearsed, and asks for nothing', () => {
  const order = { ...ORDER, pace: 'fetch-only' } as const;
  const state: UpgradeState = { ...STATES.staged, course: { ...COURSE, order } };
  const over = step(state, EVENTS['rehearsal-ended']);
  expect(over).toMatchObject({
    kind: 'reporting',
    outcome: { kind: 'staged' },
    course: { rehearsal: 'passed', steps: [{ step: 'rehearsed' }, { step: 'reporting' }] },
  });
  expect(step(over, EVENTS.reported).kind).toBe('idle');
});

describe('a boot tells an attempt its fate (U7)', () => {
  const fates: readonly (readonly [UpgradeState['kind'], keyof typeof VIEWS, string])[] = [
    ['switching', 'untried', 'switching'],
    ['switching', 'on-trial', 'probation'],
    ['switching', 'refused', 'rolled-back'],
    ['switching', 'committed', 'succeeded'],
    ['probation', 'untried', 'rolled-back'],
    ['probation', 'on-trial', 'probation'],
    ['probation', 'refused', 'rolled-back'],
    ['probation', 'committed', 'succeeded'],
    ['committing', 'untried', 'rolled-back'],
    ['committing', 'on-trial', 'committing'],
    ['committing', 'refused', 'rolled-back'],
    ['committing', 'committed', 'succeeded'],
    ['rolling-back', 'untried', 'rolled-back'],
    ['rolling-back', 'on-trial', 'rolling-back'],
    ['rolling-back', 'refused', 'rolled-back'],
    ['rolling-back', 'committed', 'succeeded'],
  ];
  for (const [kind, fate, expected] of fates) {
    test(`${fate} in ${kind}: ${expected}`, () => {
      const next = step(STATES[kind], { ...EVENTS.booted, view: VIEWS[fate] });
      expect(next.kind === 'reporting' ? next.outcome.kind : next.kind).toBe(expected);
    });
  }

  test('U4: a digest that was refused in an earlier attempt is on trial when the record says so', () => {
    const refused = [
      { version: NEW.version, digest: NEW.digest, attemptId: 'c/0', evidence: EVIDENCE },
    ];
    const view: BootView = { ...VIEWS['on-trial'], agent: { ...VIEWS['on-trial'].agent, refused } };
    expect(step(STATES.switching, { ...EVENTS.booted, view }).kind).toBe('probation');
  });

  test('an attestation does not outlive the process that showed it', () => {
    expect(step(STATES.probation, EVENTS.booted)).toMatchObject({
      kind: 'probation',
      isAttested: false,
    });
  });
});

describe('permission', () => {
  test('U5: a late grant for the switch grants nothing outside draining', () => {
    const event: UpgradeEvent = { ...EVENTS['permission-granted'], point: 'switch' };
    expect(step(STATES.rehearsed, event)).toBe(STATES.rehearsed);
  });

  test('the grant for the switch, in draining, leads to the switch', () => {
    const event: UpgradeEvent = { ...EVENTS['permission-granted'], point: 'switch' };
    expect(step(STATES.draining, event).kind).toBe('switching');
  });

  for (const kind of ['preflight', 'fetching', 'staged', 'rehearsed', 'draining'] as const) {
    test(`U20: a final denial in ${kind} ends the attempt`, () => {
      const event: UpgradeEvent = { ...EVENTS['permission-denied'], isFinal: true };
      expect(step(STATES[kind], event)).toMatchObject({
        kind: 'reporting',
        outcome: { kind: 'denied', reason: 'r' },
      });
    });
  }

  for (const kind of ['switching', 'probation', 'committing', 'rolling-back'] as const) {
    test(`U20: a final denial in ${kind} comes too late, and changes nothing`, () => {
      const event: UpgradeEvent = { ...EVENTS['permission-denied'], isFinal: true };
      expect(step(STATES[kind], event)).toBe(STATES[kind]);
    });
  }

  test('U6: whatever goes wrong in draining sends the host back to work', () => {
    for (const event of [
      EVENTS['permission-denied'],
      EVENTS['permission-unanswered'],
      EVENTS['work-failed'],
    ]) {
      expect(step(STATES.draining, event)).toMatchObject({
        kind: 'rehearsed',
        retry: { failures: 1 },
      });
    }
  });
});

test('U1: a confirm before the attestation is not taken', () => {
  const state: UpgradeState = { ...STATES.probation, isAttested: false };
  expect(step(state, EVENTS.confirmed)).toBe(state);
  expect(step(step(state, EVENTS.attested), EVENTS.confirmed).kind).toBe('committing');
});

test('PF8: a rehearsal that was the end of an attempt is on record as failed, or as not reached', () => {
  const failed = (code: string, isRetryable: boolean): UpgradeState =>
    step(STATES.staged, { ...EVENTS['work-failed'], code, isRetryable });
  const rehearsalOf = (state: UpgradeState) =>
    state.kind === 'idle' ? null : state.course.rehearsal;
  expect(rehearsalOf(failed('rehearsal-failed', false))).toBe('failed');
  expect(rehearsalOf(failed('rehearsal-not-started', true))).toBe('not-done');
  const unreached = failed('rehearsal-unreached', true);
  expect(rehearsalOf(unreached)).toBe('not-reached');
  expect(rehearsalOf(step(unreached, EVENTS['rehearsal-ended']))).toBe('passed');
});

describe('retries', () => {
  const failing = (state: UpgradeState, isRetryable = true): UpgradeState =>
    step(state, { ...EVENTS['work-failed'], isRetryable });

  test('U9: preflight, fetching and handing over are given up after their schedule', () => {
    for (const [kind, tries] of [
      ['preflight', 4],
      ['fetching', 4],
      ['staged', 4],
      ['switching', 3],
    ] as const) {
      let state: UpgradeState = STATES[kind];
      for (let failure = 0; failure < tries; failure++) {
        state = failing(state);
        expect(state.kind).toBe(kind);
      }
      expect(failing(state)).toMatchObject({
        kind: 'reporting',
        outcome: { kind: 'failed', code: 'fetch-failed' },
      });
    }
  });

  test('T24: how work failed is kept while it waits to be tried again, and no longer', () => {
    const state = failing(STATES.fetching);
    const again = new Date(NOW_MS + 60_000).toISOString();
    expect(troubleIn(state)).toBe(
      `packages-not-refreshed: fetch-failed: m; tried again from ${again} on`,
    );
    expect(troubleIn(step(state, EVENTS.fetched))).toBeNull();
    expect(troubleIn(STATES.fetching)).toBeNull();
    const long = { ...EVENTS['work-failed'], message: 'x'.repeat(10_000) };
    expect(troubleIn(step(STATES.fetching, long))?.length).toBeLessThan(600);
  });

  test('T24: what failed in draining is told when the host is back at work', () => {
    expect(troubleIn(step(STATES.draining, EVENTS['work-failed']))).toMatch(
      /^packages-not-refreshed: fetch-failed/,
    );
    expect(troubleIn(step(STATES.draining, EVENTS['permission-unanswered']))).toBeNull();
  });

  test('what cannot be mended by waiting is not waited for', () => {
    expect(failing(STATES.fetching, false).kind).toBe('reporting');
  });

  test('U9: committing, rolling back and reporting are never given up, and wait a minute at most', () => {
    for (const kind of [
      'rehearsed',
      'probation',
      'committing',
      'rolling-back',
      'reporting',
    ] as const) {
      let state: UpgradeState = STATES[kind];
      for (let failure = 0; failure < 50; failure++) state = failing(state, false);
      expect(state.kind).toBe(kind);
      expect(workOf(state).notBeforeMs).toBe(NOW_MS + 60_000);
    }
  });
});

describe('U9: a session that comes back', () => {
  const away: UpgradeEvent = { ...EVENTS['work-failed'], code: 'trust-unreachable' };
  const back = { ...EVENTS.reconnected, nowMs: NOW_MS + 10 };

  for (const kind of ['preflight', 'fetching'] as const) {
    test(`begins ${kind} at once, where the network was what failed, and gives the wait back`, () => {
      const waiting = step(STATES[kind], away);
      expect(workOf(waiting).notBeforeMs).toBe(NOW_MS + 60_000);
      const begun = step(waiting, back);
      expect(begun).toMatchObject({ kind, retry: { failures: 0, notBeforeMs: NOW_MS + 10 } });
      expect(step(begun, away)).toMatchObject({ retry: { failures: 1, hurries: 1 } });
    });
  }

  test('does not hurry what another thing than the network failed', () => {
    const waiting = step(STATES.preflight, { ...away, code: 'disk-reserve' });
    expect(step(waiting, back)).toBe(waiting);
  });

  test('hurries nothing that runs already', () => {
    expect(step(STATES.fetching, back)).toBe(STATES.fetching);
  });

  test('hurries three times and then waits, so that a flapping session neither hammers nor uses the schedule up', () => {
    let state: UpgradeState = step(STATES.fetching, away);
    let tries = 1;
    for (let flap = 0; flap < 50; flap++) {
      const next = step(state, back);
      if (next !== state) {
        tries += 1;
        state = step(next, away);
      }
    }
    expect(tries).toBe(4);
    expect(state).toMatchObject({ kind: 'fetching', retry: { failures: 1, hurries: 3 } });
  });
});

describe('U21: the committed version, ordered where its damaged slot does not run', () => {
  const mend: UpgradeState = { ...STATES.switching, course: { ...COURSE, from: NEW } };
  const view = VIEWS.committed;

  test('has succeeded when the next boot runs it', () => {
    const running = { agent: NEW.digest, launcher: null };
    expect(step(mend, { ...EVENTS.booted, view, running })).toMatchObject({
      kind: 'reporting',
      outcome: { kind: 'succeeded' },
    });
  });

  test('is handed over again a few times where the boot still runs the version before, and then has failed', () => {
    let state: UpgradeState = mend;
    for (let boot = 1; boot <= 3; boot++) {
      state = step(state, { ...EVENTS.booted, view });
      expect(state).toMatchObject({ kind: 'switching', retry: { failures: boot } });
    }
    expect(step(state, { ...EVENTS.booted, view })).toMatchObject({
      kind: 'reporting',
      outcome: { kind: 'failed', code: 'slot-corrupt' },
    });
  });
});

describe('properties', () => {
  const attempts = fc.constantFrom(ID, 'c/2', 'd/1');
  const event: fc.Arbitrary<UpgradeEvent> = fc.oneof(
    fc.record({
      kind: fc.constant('booted' as const),
      view: fc.constantFrom<BootView>(...Object.values(VIEWS)),
      running: fc.constant(RUNS_OLD),
      nowMs: fc.nat(),
    }),
    fc
      .record({ commandId: fc.constantFrom('c', 'd'), attempt: fc.constantFrom(1, 2) })
      .map((ref): UpgradeEvent => ({ ...EVENTS.ordered, order: { ...ORDER, ...ref } })),
    fc
      .record({
        event: fc.constantFrom(
          ...Object.values(EVENTS).filter(({ kind }) => kind !== 'booted' && kind !== 'ordered'),
        ),
        attemptId: attempts,
        point: fc.constantFrom('drain' as const, 'switch' as const),
        isFinal: fc.boolean(),
        isRetryable: fc.boolean(),
        nowMs: fc.nat(),
      })
      .map(({ event: chosen, ...more }) => ({ ...chosen, ...more }) as UpgradeEvent),
  );
  const lives = fc.array(event, { maxLength: 120 });

  function walk(
    events: readonly UpgradeEvent[],
    visit: (from: UpgradeState, event: UpgradeEvent, to: UpgradeState) => void,
  ): void {
    let state: UpgradeState = { kind: 'idle' };
    for (const happened of events) {
      let next: UpgradeState;
      try {
        next = step(state, happened);
      } catch (error) {
        // Another state's own work: the shell never lets it through.
        if (error instanceof IllegalTransitionError) continue;
        throw error;
      }
      visit(state, happened, next);
      state = next;
    }
  }

  test('U1: committing is entered from an attested probation by a confirm, and by nothing else', () => {
    fc.assert(
      fc.property(lives, (events) => {
        walk(events, (from, happened, to) => {
          if (to.kind !== 'committing' || from.kind === 'committing') return;
          expect(from).toMatchObject({ kind: 'probation', isAttested: true });
          expect(happened.kind).toBe('confirmed');
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test('U2: an attempt gives way to another only by way of idle', () => {
    fc.assert(
      fc.property(lives, (events) => {
        walk(events, (from, _happened, to) => {
          if (from.kind === 'idle' || to.kind === 'idle') return;
          expect(attemptIdIn(to)).toBe(attemptIdIn(from));
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test('U4: what is said of another attempt changes nothing', () => {
    fc.assert(
      fc.property(lives, (events) => {
        walk(events, (from, happened, to) => {
          if ('attemptId' in happened && happened.attemptId !== attemptIdIn(from))
            expect(to).toBe(from);
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test('U3: every state that can be reached has work, and the state survives being saved', () => {
    fc.assert(
      fc.property(lives, (events) => {
        walk(events, (_from, _happened, to) => {
          expect(workOf(to).kind).toBeTypeOf('string');
          expect(JSON.parse(JSON.stringify(to))).toEqual(to);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('U9: failures alone bring every attempt that has not switched to its report', () => {
    for (const kind of ['preflight', 'fetching', 'staged', 'switching'] as const) {
      let state: UpgradeState = STATES[kind];
      let failures = 0;
      for (; state.kind === kind; failures++) state = step(state, EVENTS['work-failed']);
      expect(failures).toBeLessThanOrEqual(5);
    }
  });
});

test('table and work are total', () => {
  const states = Object.keys(STATES).sort();
  expect(Object.keys(TRANSITIONS).sort()).toEqual(states);
  expect(Object.keys(WORK).sort()).toEqual(states);
  for (const row of Object.values(TRANSITIONS))
    expect(Object.keys(row).sort()).toEqual(Object.keys(EVENTS).sort());
});
