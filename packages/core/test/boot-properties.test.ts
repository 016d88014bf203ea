import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BootRecord,
  encodeBootRecord,
  type OccurredEvent,
  REBOOT_TRIES_MAX,
  readBootRecord,
  SUPERVISION,
  type SupervisionState,
  type SupervisionStep,
  stepSupervision,
  TRIES_MAX,
} from '../src/boot/index.ts';
import {
  DEAF_BEAT,
  EVENTS,
  EVIDENCE,
  GOOD_BEAT,
  lifeWith,
  NEW,
  NEXT_LAUNCHER,
  OLD,
  recordWith,
  slotOf,
} from './boot-states.ts';

const OTHER = slotOf('3.0.0', 'd');
const attempt = fc.constantFrom('c1/1', 'c2/1', 'c3/1');
const component = fc.constantFrom('agent' as const, 'launcher' as const);
const slot = fc.constantFrom(OLD, NEW, OTHER, NEXT_LAUNCHER);
const logLines = fc.constant<readonly string[]>([]);

const event: fc.Arbitrary<OccurredEvent> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<OccurredEvent>({ kind: 'spawned' }) },
  fc.constant<OccurredEvent>(EVENTS['spawn-failed']),
  fc.record({
    kind: fc.constant('heartbeat' as const),
    heartbeat: fc.constantFrom(GOOD_BEAT, DEAF_BEAT),
  }),
  { weight: 6, arbitrary: fc.constant<OccurredEvent>({ kind: 'ticked' }) },
  fc.record({
    kind: fc.constant('try-asked' as const),
    id: fc.nat(9),
    component,
    attemptId: attempt,
    slot,
    watchedMs: fc.constant(10_000),
  }),
  fc.record({
    kind: fc.constant('commit-asked' as const),
    id: fc.nat(9),
    component,
    attemptId: attempt,
  }),
  fc.record({
    kind: fc.constant('refuse-asked' as const),
    id: fc.nat(9),
    component,
    attemptId: attempt,
    evidence: fc.constant(EVIDENCE),
  }),
  fc.record({
    kind: fc.constant('roll-back-asked' as const),
    id: fc.nat(9),
    component,
    attemptId: fc.constantFrom('owner/1', 'owner/2'),
    evidence: fc.constant(EVIDENCE),
  }),
  fc.record({ kind: fc.constant('dialled' as const), reached: fc.boolean() }),
  fc.record({ kind: fc.constant('probed' as const), reached: fc.boolean() }),
  fc.record({
    kind: fc.constant('exited' as const),
    exitCode: fc.constantFrom(0, 1, 75, 76, null),
    signal: fc.constant(null),
    logLines,
  }),
  { weight: 4, arbitrary: fc.constant<OccurredEvent>({ kind: 'waited' }) },
  fc.constant<OccurredEvent>({ kind: 'stop-asked' }),
);

interface Happening {
  readonly event: OccurredEvent;
  readonly isDiskFull: boolean;
  /** The launcher dies after this, and starts anew from the record; with another boot id or the same. */
  readonly death: 'none' | 'process' | 'host';
}

const happenings: fc.Arbitrary<Happening[]> = fc.array(
  fc.record({
    event,
    isDiskFull: fc.integer({ min: 0, max: 9 }).map((roll) => roll === 0),
    death: fc
      .integer({ min: 0, max: 29 })
      .map((roll) => (roll === 0 ? 'process' : roll === 1 ? 'host' : 'none')),
  }),
  { maxLength: 120, size: 'max' },
);

function savedStep(
  state: SupervisionState,
  of: OccurredEvent,
  isDiskFull: boolean,
): SupervisionStep {
  const step = stepSupervision(state, of);
  if (step.state.life.record === state.life.record || !isDiskFull) return step;
  return stepSupervision(state, { kind: 'save-failed', of, message: 'disk full' });
}

function checkRecord(before: BootRecord, after: BootRecord, of: OccurredEvent): void {
  for (const name of ['agent', 'launcher'] as const) {
    const { committed, previous, trial, refused } = after.components[name];
    const was = before.components[name];
    // B1: committed changes only by a commit, and by its owner's rollback (B21), which names the version that is left.
    if (committed?.digest !== was.committed?.digest) {
      expect(['commit-asked', 'roll-back-asked']).toContain(of.kind);
      expect(previous).toEqual(was.committed);
      if (of.kind === 'roll-back-asked') {
        expect(committed).toEqual(was.previous);
        expect(was.refused.some(({ digest }) => digest === committed?.digest)).toBe(false);
        expect(refused.at(-1)?.digest).toBe(previous?.digest);
      }
    }
    // B5: tries are bounded, by crashes and by reboots.
    expect(trial?.tries ?? 0).toBeLessThanOrEqual(TRIES_MAX);
    expect(trial?.rebootTries ?? 0).toBeLessThanOrEqual(REBOOT_TRIES_MAX);
    // B8: a refused digest is not on trial.
    expect(refused.some((refusal) => refusal.digest === trial?.slot.digest)).toBe(false);
  }
  // B2: something is always there to boot; and whatever was written can be read.
  expect(after.components.agent.committed).not.toBeNull();
  expect(readBootRecord(encodeBootRecord(after))).toEqual({ kind: 'read', record: after });
}

test('B1 B2 B3 B5 B8 B21: no sequence of events, full disks, kills and reboots breaks the record or boots what it does not say', () => {
  fc.assert(
    fc.property(happenings, (list) => {
      let boots = 1;
      let step: SupervisionStep = stepSupervision(
        { kind: 'idle', life: lifeWith(recordWith()) },
        { kind: 'started' },
      );
      for (const { event: of, isDiskFull, death } of list) {
        const before = step.state;
        if (before.kind === 'ended' || death !== 'none') {
          if (death === 'host') boots++;
          const life = lifeWith(before.life.record, { bootId: `boot-${boots}` });
          step = savedStep({ kind: 'idle', life }, { kind: 'started' }, isDiskFull);
        } else {
          if (SUPERVISION[before.kind][of.kind] === 'reject') continue;
          step = savedStep(before, of, isDiskFull);
        }
        checkRecord(before.life.record, step.state.life.record, of);
        // A `save-failed` cell never asks for another save.
        if (isDiskFull) expect(step.state.life.record).toBe(before.life.record);
        const { committed, previous, trial } = step.state.life.record.components.agent;
        for (const order of step.orders) {
          if (order.kind !== 'spawn') continue;
          expect([committed, previous, trial?.slot]).toContainEqual(order.slot);
          // B3: a trial is spawned only with its try counted on disk.
          if (order.slot.digest === trial?.slot.digest)
            expect(trial.tries + trial.rebootTries).toBeGreaterThan(0);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

test('reading a boot record never throws, whatever the text', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void readBootRecord(text)));
});
