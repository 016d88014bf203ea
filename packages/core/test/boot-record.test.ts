import { expect, test } from 'vitest';
import {
  askTry,
  beginTry,
  chooseLauncher,
  commitTrial,
  encodeBootRecord,
  giveTryBack,
  PIPE_LINE_BYTES_MAX,
  REFUSALS_MAX,
  readBootRecord,
  readEvidence,
  recoveredRecord,
  refuseTrial,
  startTimeOf,
  stepSupervision,
} from '../src/boot/index.ts';
import {
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

const order = {
  component: 'agent',
  slot: NEW,
  attemptId: 'c1/1',
  watchedMs: 50_000,
  isTrialRunning: false,
} as const;

test('B1: only a trial that runs is committed; repeated, it is done already; another attempt is stale', () => {
  const record = recordWith({ agent: trialOf(NEW) });
  const commit = { component: 'agent', attemptId: 'c1/1', runningDigest: NEW.digest } as const;
  const step = commitTrial(record, commit);
  if (step.kind !== 'changed') throw new Error(step.kind);
  expect(step.record.components.agent).toMatchObject({
    committed: NEW,
    previous: OLD,
    trial: null,
  });
  expect(commitTrial(step.record, commit)).toEqual({ kind: 'unchanged' });
  expect(commitTrial(step.record, { ...commit, attemptId: 'c9/1' })).toMatchObject({
    code: 'boot-trial-stale',
  });
  expect(commitTrial(record, { ...commit, runningDigest: OLD.digest })).toMatchObject({
    code: 'boot-trial-stale',
  });
});

test('B5: tries end by crashes after three, by changed boot ids after ten; an ordered stop gives one back', () => {
  let record = recordWith({ agent: trialOf(NEW, { tries: 0, bootId: null }) });
  for (let tries = 1; tries <= 3; tries++) {
    const begun = beginTry(record, 'agent', 'boot-1');
    if (begun.kind !== 'begun') throw new Error(begun.kind);
    record = begun.record;
    expect(record.components.agent.trial).toMatchObject({ tries, rebootTries: 0 });
  }
  expect(beginTry(record, 'agent', 'boot-1')).toEqual({ kind: 'exhausted', reason: 'crashed' });
  expect(giveTryBack(record, 'agent').components.agent.trial).toMatchObject({
    tries: 2,
    bootId: null,
  });
  for (let reboots = 1; reboots <= 10; reboots++) {
    const begun = beginTry(record, 'agent', `boot-${reboots + 1}`);
    if (begun.kind !== 'begun') throw new Error(begun.kind);
    record = begun.record;
    expect(record.components.agent.trial).toMatchObject({ tries: 3, rebootTries: reboots });
  }
  expect(beginTry(record, 'agent', 'boot-12')).toEqual({
    kind: 'exhausted',
    reason: 'reboots-exhausted',
  });
});

test('B8: a refused attempt stays refused, another attempt at the digest replaces the refusal; eight are remembered', () => {
  const refused = refuseTrial(recordWith({ agent: trialOf(NEW) }), {
    component: 'agent',
    attemptId: 'c1/1',
    evidence: EVIDENCE,
  });
  if (refused.kind !== 'changed') throw new Error(refused.kind);
  expect(askTry(refused.record, order)).toMatchObject({ code: 'boot-slot-refused' });
  const again = askTry(refused.record, { ...order, attemptId: 'c2/1' });
  if (again.kind !== 'changed') throw new Error(again.kind);
  expect(again.record.components.agent.refused).toEqual([]);
  let { record } = again;
  for (let index = 0; index < REFUSALS_MAX + 2; index++) {
    const asked = askTry(record, {
      ...order,
      slot: slotOf(`3.0.${index}`, index.toString(16)),
      attemptId: `c${index}/9`,
    });
    if (asked.kind !== 'changed') throw new Error(asked.kind);
    const step = refuseTrial(asked.record, {
      component: 'agent',
      attemptId: `c${index}/9`,
      evidence: EVIDENCE,
    });
    if (step.kind !== 'changed') throw new Error(step.kind);
    ({ record } = step);
  }
  expect(record.components.agent.refused).toHaveLength(REFUSALS_MAX);
});

test('B9: one begun trial on a host at a time', () => {
  const record = recordWith({ launcher: trialOf(NEXT_LAUNCHER) });
  expect(askTry(record, order)).toMatchObject({ code: 'boot-trial-running' });
  expect(askTry(recordWith({ agent: trialOf(NEW, { tries: 0 }) }), order)).toEqual({
    kind: 'unchanged',
  });
});

test('B4: a trial whose try cannot be written boots the committed version', () => {
  const life = lifeWith(recordWith({ agent: trialOf(NEW) }));
  const of = { kind: 'started' } as const;
  const step = stepSupervision(
    { kind: 'idle', life },
    { kind: 'save-failed', of, message: 'full' },
  );
  expect(step.orders).toEqual([{ kind: 'spawn', slot: OLD, isChecked: false }]);
});

test('B19: what ended by itself twice in a row is checked before it starts again', () => {
  const checked = [0, 1, 2, 3].map((failures) => {
    const life = { ...lifeWith(recordWith({})), failures };
    return stepSupervision({ kind: 'backing-off', life }, { kind: 'waited' }).orders;
  });
  expect(checked).toEqual(
    [false, false, true, true].map((isChecked) => [{ kind: 'spawn', slot: OLD, isChecked }]),
  );
});

test('B6: the launcher ends with 75 for another one after its agent has ended, never at its own start', () => {
  const record = recordWith({ launcher: trialOf(NEXT_LAUNCHER, { tries: 0 }) });
  const life = lifeWith(record);
  const left = { kind: 'exited', exitCode: 75, signal: null, logLines: [] } as const;
  expect(stepSupervision({ ...STATES.running, life }, left).state).toMatchObject({
    kind: 'ended',
    exitCode: 75,
  });
  expect(stepSupervision({ kind: 'idle', life }, { kind: 'started' }).state.kind).toBe('starting');
});

test('B7: the first launcher chooses the trial, else the committed one, else itself', () => {
  const record = recordWith({ launcher: trialOf(NEXT_LAUNCHER) });
  expect(chooseLauncher(record, new Set())).toEqual({ kind: 'try', slot: NEXT_LAUNCHER });
  expect(chooseLauncher(record, new Set([NEXT_LAUNCHER.digest]))).toEqual({
    kind: 'first-launcher',
  });
});

test('B10: current, else previous, else the newest complete slot', () => {
  const nothing = { current: null, previous: null, complete: [] };
  const committedOf = (agent: Parameters<typeof recoveredRecord>[0]['agent']) =>
    recoveredRecord({ agent, launcher: nothing })?.components.agent.committed ?? null;
  const complete = [OLD, NEW];
  expect(committedOf({ complete, current: OLD.dir, previous: NEW.dir })).toEqual(OLD);
  expect(committedOf({ complete, current: '9.9.9-ffffffff', previous: OLD.dir })).toEqual(OLD);
  expect(committedOf({ complete, current: null, previous: null })).toEqual(NEW);
  expect(committedOf(nothing)).toBeNull();
});

test('B14: a launcher under which no agent is heard while its watched time runs out is refused', () => {
  const record = recordWith({ launcher: trialOf(NEXT_LAUNCHER, { watchedLeftMs: 0 }) });
  const life = lifeWith(record, {
    self: { version: '2.0.0', digest: NEXT_LAUNCHER.digest },
    launcherLeftMs: 5_000,
  });
  const step = stepSupervision({ kind: 'backing-off', life }, { kind: 'ticked' });
  expect(step.state).toMatchObject({ kind: 'ended', exitCode: 75 });
  expect(step.state.life.record.components.launcher).toMatchObject({
    trial: null,
    refused: [{ attemptId: 'c1/1' }],
  });
});

test('B15: fields that this version does not know are kept at every level', () => {
  const record = recordWith({ agent: trialOf({ ...NEW, ...{ colour: 'red' } }) });
  const text = encodeBootRecord(record).replace('"format"', '"later": {"a": 1}, "format"');
  const reading = readBootRecord(text);
  if (reading.kind !== 'read') throw new Error(reading.kind);
  const step = commitTrial(reading.record, {
    component: 'agent',
    attemptId: 'c1/1',
    runningDigest: NEW.digest,
  });
  if (step.kind !== 'changed') throw new Error(step.kind);
  expect(JSON.parse(encodeBootRecord(step.record))).toMatchObject({
    later: { a: 1 },
    components: { agent: { committed: { colour: 'red' } } },
  });
});

test.for(['', '{', '[]', '{"format":1}', '{"format":1,"revision":1,"components":{}}'])(
  '%j is unreadable',
  (text) => {
    expect(readBootRecord(text).kind).toBe('unreadable');
  },
);

test('a record whose agent has nothing committed, or a dir that leaves its place, is unreadable', () => {
  const text = encodeBootRecord(recordWith());
  expect(readBootRecord(text.replace(/"committed": \{[^}]*\}/, '"committed": null')).kind).toBe(
    'unreadable',
  );
  expect(readBootRecord(text.replace(OLD.dir, '../../bin')).kind).toBe('unreadable');
  expect(readBootRecord(text.replace('"format": 1', '"format": 2'))).toEqual({
    kind: 'too-new',
    format: 2,
  });
});

test('the start time of a process is found behind a name with blanks and parentheses', () => {
  const fields = Array.from({ length: 30 }, (_, index) => String(index + 3));
  expect(startTimeOf(`42 (a) b (c) ${fields.join(' ')}`)).toBe('22');
});

test('what the launcher says first fits in a line of the pipe, whatever the refused versions printed', () => {
  const line = '"\u001b\ud800語'.repeat(200);
  let { record } = lifeWith(recordWith());
  for (const component of ['agent', 'launcher'] as const) {
    for (let index = 0; index < REFUSALS_MAX; index++) {
      const attemptId = `c${index}/1`;
      const slot = slotOf(`3.0.${index}`, index.toString(16));
      const asked = askTry(record, { ...order, component, slot, attemptId });
      if (asked.kind !== 'changed') throw new Error(asked.kind);
      const evidence = readEvidence({
        ...EVIDENCE,
        logLines: Array.from({ length: 300 }, () => line),
      });
      const step = refuseTrial(asked.record, { component, attemptId, evidence });
      if (step.kind !== 'changed') throw new Error(step.kind);
      ({ record } = step);
    }
  }
  const boot = { kind: 'committed', slot: OLD } as const;
  const step = stepSupervision(
    { kind: 'starting', life: lifeWith(record), boot },
    { kind: 'spawned' },
  );
  const [first] = step.orders;
  if (first?.kind !== 'send' || first.message.kind !== 'spawned') throw new Error('not told');
  expect(first.message.components.agent.refused).toHaveLength(REFUSALS_MAX);
  expect(new TextEncoder().encode(JSON.stringify(first.message)).length).toBeLessThan(
    PIPE_LINE_BYTES_MAX,
  );
});
