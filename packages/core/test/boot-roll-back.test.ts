import { expect, test } from 'vitest';
import {
  askTry,
  type BootRecord,
  commitTrial,
  leftByOwner,
  type RecordStep,
  readAgentLine,
  refuseTrial,
  rollBack,
  stepSupervision,
} from '../src/boot/index.ts';
import {
  EVENTS,
  EVIDENCE,
  lifeWith,
  NEW,
  NEXT_LAUNCHER,
  OLD,
  recordWith,
  STATES,
  slotOf,
  trialOf,
} from './boot-states.ts';

const SAID = { ...EVIDENCE, reason: 'rolled-back-by-owner', detail: 'root: it is loud' } as const;
const back = { component: 'agent', attemptId: 'owner/1', evidence: SAID } as const;
const forward = { component: 'agent', watchedMs: 50_000, isTrialRunning: false } as const;

function changed(step: RecordStep): BootRecord {
  if (step.kind !== 'changed') throw new Error(JSON.stringify(step));
  return step.record;
}

/** 2.0.0 is committed, 1.0.0 was before. */
function upgraded(): BootRecord {
  const trial = recordWith({ agent: trialOf(NEW) });
  const commit = { component: 'agent', attemptId: 'c1/1', runningDigest: NEW.digest } as const;
  return changed(commitTrial(trial, commit));
}

test('B21: the version before is committed again; what is left stays, is refused, and its own commit counts no more', () => {
  const record = changed(rollBack(upgraded(), back));
  const { agent } = record.components;
  expect(agent).toMatchObject({ committed: OLD, previous: NEW, committedAttemptId: null });
  expect(agent.refused).toEqual([
    { version: '2.0.0', digest: NEW.digest, attemptId: 'owner/1', evidence: SAID },
  ]);
  expect(rollBack(record, back)).toEqual({ kind: 'unchanged' });
  const commit = { component: 'agent', attemptId: 'c1/1', runningDigest: OLD.digest } as const;
  expect(commitTrial(record, commit)).toMatchObject({ code: 'boot-trial-stale' });
});

test('B21: going back twice does not come forward again; a forced attempt does, and can be left again', () => {
  const record = changed(rollBack(upgraded(), back));
  expect(rollBack(record, { ...back, attemptId: 'owner/2' })).toMatchObject({
    code: 'boot-slot-refused',
  });
  const tried = changed(askTry(record, { ...forward, slot: NEW, attemptId: 'c2/1' }));
  expect(leftByOwner(tried.components.agent)).toBeNull();
  const begun = {
    ...tried,
    components: { ...tried.components, agent: { ...tried.components.agent, trial: trialOf(NEW) } },
  };
  const commit = { component: 'agent', attemptId: 'c1/1', runningDigest: NEW.digest } as const;
  const again = changed(commitTrial(begun, commit));
  const left = changed(rollBack(again, { ...back, attemptId: 'owner/3' }));
  expect(left.components.agent).toMatchObject({ committed: OLD, previous: NEW });
});

test('B21: nothing before, or something on trial: it is rejected', () => {
  expect(rollBack(recordWith(), back)).toMatchObject({ code: 'no-version-before' });
  expect(rollBack(upgraded(), { ...back, component: 'launcher' })).toMatchObject({
    code: 'no-version-before',
  });
  const next = { slot: slotOf('3.0.0', 'd'), attemptId: 'c3/1' };
  const asked = changed(askTry(upgraded(), { ...forward, ...next }));
  expect(rollBack(asked, back)).toMatchObject({ code: 'boot-trial-running' });
  const launcher = { ...next, slot: NEXT_LAUNCHER };
  const other = changed(askTry(upgraded(), { ...forward, ...launcher, component: 'launcher' }));
  expect(rollBack(other, back)).toMatchObject({ code: 'boot-trial-running' });
});

test('B21: told apart from a trial that was refused, by its reason and by being the version before', () => {
  const record = changed(rollBack(upgraded(), back));
  expect(leftByOwner(record.components.agent)).toMatchObject({ version: '2.0.0' });
  const trial = recordWith({ agent: trialOf(NEW) });
  const refusal = { component: 'agent', attemptId: 'c1/1', evidence: SAID } as const;
  const refused = changed(refuseTrial(trial, refusal));
  expect(leftByOwner(refused.components.agent)).toBeNull();
  const before = upgraded();
  expect(leftByOwner(before.components.agent)).toBeNull();
});

test('B21: the launcher answers once the record says so, and boots the version before when the process has left', () => {
  const boot = { kind: 'committed', slot: NEW } as const;
  const failing = { ...STATES.running, life: lifeWith(upgraded(), { failures: 6 }), boot };
  const asked = stepSupervision(failing, EVENTS['roll-back-asked']);
  expect(asked.state).toMatchObject({
    kind: 'running',
    life: { failures: 0, record: { components: { agent: { committed: OLD } } } },
  });
  expect(asked.orders).toEqual([{ kind: 'send', message: { kind: 'done', id: 7 } }]);
  for (const exitCode of [75, 76, 1]) {
    const left = stepSupervision(asked.state, { ...EVENTS.exited, exitCode });
    const next =
      left.state.kind === 'backing-off' ? stepSupervision(left.state, EVENTS.waited) : left;
    expect(next.orders).toMatchObject([{ kind: 'spawn', slot: OLD }]);
  }
});

test('B4 B21: where the record cannot be written, nothing of it has happened', () => {
  const boot = { kind: 'committed', slot: NEW } as const;
  const before = { ...STATES.running, life: lifeWith(upgraded()), boot };
  const of = EVENTS['roll-back-asked'];
  const failed = stepSupervision(before, { kind: 'save-failed', of, message: 'disk full' });
  expect(failed.state).toBe(before);
  expect(failed.orders).toMatchObject([
    { message: { kind: 'failed', code: 'boot-record-unwritable' } },
  ]);
});

test('B21: on the pipe it is a request with evidence; a reason that nobody knows does not make it unreadable', () => {
  const line = { kind: 'roll-back', id: 4, ...back };
  expect(readAgentLine(JSON.stringify(line))).toEqual({ kind: 'message', message: line });
  const strange = { ...line, evidence: { ...SAID, reason: 'of-a-later-version' } };
  expect(readAgentLine(JSON.stringify(strange))).toMatchObject({
    message: { kind: 'roll-back', evidence: { reason: 'own-checks-failed', detail: SAID.detail } },
  });
});
