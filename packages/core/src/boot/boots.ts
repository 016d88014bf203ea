/* How a process of the agent begins and ends: what boots next, what an end means, what is remembered of it. */
import type { ErrorCode } from '../errors/index.ts';
import type { Evidence, RefusalReason } from './evidence.ts';
import { keptLogLines } from './log-lines.ts';
import { EXIT, HANG_TICKS, HEARTBEAT_MS, PIPE_VERSION, type Spawned } from './pipe.ts';
import { type ComponentRecord, TRIES_MAX } from './record.ts';
import { beginTry, giveTryBack, refuseTrial, withWatchedLeft } from './record-steps.ts';
import type {
  Boot,
  Life,
  Order,
  ProcessEnd,
  Purpose,
  Run,
  StateOf,
  SupervisionState,
  SupervisionStep,
} from './supervision-types.ts';
import { openVerdict, STRIKE_GAP_MS, type Verdict } from './verdict.ts';

/** An ordered stop: time for the agent to drain its output. */
export const STOP_GRACE_MS = 30_000;
/** A version that is rolled back gets less: nothing that it says counts any more. */
export const ROLLBACK_GRACE_MS = 10_000;
export const BACKOFF_MS = { first: 1_000, max: 60_000 } as const;
/** Ends in a row after which damage is looked for: reading a whole slot takes a second, which a healthy start need not wait. */
export const FAILURES_UNCHECKED = 2;
/** Starts that failed in a row for want of the host, two minutes of backoff: after that the version bears the blame. */
export const HOST_TROUBLES_MAX = 7;
/** A run as long as a hang takes to notice counts as healthy, and ends the backoff. */
export const HEALTHY_TICKS: number = HANG_TICKS;
/** Quicker exits with 75 or 76 than this (10 s) are backed off from: they could be a loop. */
const QUICK_TICKS = 2;
/** The watched time is saved once in this many ticks (a minute): a lost minute is bounded by the tries. */
export const SAVE_TICKS = 12;

export const NEW_RUN: Run = { ticks: 0, silentTicks: 0, last: null, samples: [], hasNews: false };

/** B3: boots what the record says; a trial's try is counted (and saved by the shell) before the spawn. */
export function bootNext(life: Life, verdict: Verdict | null = null): SupervisionStep {
  if (mustHandOver(life)) return ended(life, EXIT.bootRecorded);
  return bootHere(life, verdict);
}

/** As `bootNext`, for the launcher's own start: the first launcher has chosen already, it would choose the same again. */
export function bootHere(life: Life, verdict: Verdict | null = null): SupervisionStep {
  const { trial } = life.record.components.agent;
  if (trial === null) return bootCommitted(life);
  const begun = beginTry(life.record, 'agent', life.bootId);
  if (begun.kind === 'exhausted') {
    const detail = 'its tries were used up, and the launcher did not see how the last one ended';
    return bootCommitted(
      refused(life, { reason: begun.reason, detail, end: NO_END, run: NEW_RUN }),
    );
  }
  const boot: Boot = {
    kind: 'trial',
    slot: trial.slot,
    attemptId: trial.attemptId,
    // A little of the watched time is always left, so that a process gets to speak before it is judged.
    verdict: verdict ?? openVerdict(Math.max(trial.watchedLeftMs, STRIKE_GAP_MS)),
  };
  return starting({ ...life, record: begun.record }, boot);
}

/** B4: also where a trial stands in the record, but its try cannot be written. */
export function bootCommitted(life: Life): SupervisionStep {
  const { committed } = life.record.components.agent;
  // Reading and each step keep the agent's committed slot (B2), so this is a bug and nothing else.
  if (committed === null) throw new Error('no committed version');
  return starting(life, { kind: 'committed', slot: committed });
}

export function bootPrevious(life: Life): SupervisionStep {
  const { previous } = life.record.components.agent;
  return previous === null ? backOff(life) : starting(life, { kind: 'previous', slot: previous });
}

function starting(life: Life, boot: Boot): SupervisionStep {
  const isChecked = life.failures >= FAILURES_UNCHECKED;
  return {
    state: { kind: 'starting', life, boot },
    orders: [{ kind: 'spawn', slot: boot.slot, isChecked }],
  };
}

/** B6: whether another launcher than this one has to take over: a trial of one was asked for, or this one was refused. */
function mustHandOver(life: Life): boolean {
  const { committed, trial } = life.record.components.launcher;
  const own = life.self.digest;
  if (trial !== null) return trial.slot.digest !== own;
  return own !== null && committed?.digest !== own;
}

export function isOnTrial(life: Life): boolean {
  const { trial } = life.record.components.launcher;
  return trial !== null && trial.slot.digest === life.self.digest;
}

export function backOff(life: Life): SupervisionStep {
  const failures = life.failures + 1;
  const ms = Math.min(BACKOFF_MS.max, BACKOFF_MS.first * 2 ** Math.min(failures - 1, 16));
  return {
    state: { kind: 'backing-off', life: { ...life, failures } },
    orders: [{ kind: 'wait', ms }],
  };
}

/** The agent asked to be booted again: at once, unless it does so over and over. */
export function bootAgain(life: Life, run: Run): SupervisionStep {
  if (run.hasNews || run.ticks >= QUICK_TICKS) return bootNext(life);
  if (mustHandOver(life)) return ended(life, EXIT.bootRecorded);
  return life.failures === 0 ? bootNext({ ...life, failures: 1 }) : backOff(life);
}

/** A process on trial ended without being told to: a try; the last one refuses the version (B5). */
export function afterBadTry(
  state: { readonly life: Life; readonly boot: Boot; readonly run: Run },
  failure: { readonly reason: RefusalReason; readonly detail: string; readonly end: ProcessEnd },
): SupervisionStep {
  const { trial } = state.life.record.components.agent;
  if (trial !== null && trial.tries < TRIES_MAX) return backOff(state.life);
  return bootCommitted(refused(state.life, { ...failure, run: state.run }));
}

export function refused(
  life: Life,
  failure: {
    readonly reason: RefusalReason;
    readonly detail: string;
    readonly end: ProcessEnd;
    readonly run: Run;
    readonly component?: 'agent' | 'launcher';
  },
): Life {
  const component = failure.component ?? 'agent';
  const { trial } = life.record.components[component];
  if (trial === null) return life;
  const evidence = evidenceOf(failure);
  const step = refuseTrial(life.record, { component, attemptId: trial.attemptId, evidence });
  return step.kind === 'changed' ? { ...life, record: step.record, failures: 0 } : life;
}

export function evidenceOf(failure: {
  readonly reason: RefusalReason;
  readonly detail: string;
  readonly end: ProcessEnd;
  readonly run: Run;
}): Evidence {
  return {
    reason: failure.reason,
    detail: failure.detail,
    exitCode: failure.end.exitCode,
    signal: failure.end.signal,
    logLines: keptLogLines(failure.end.logLines),
    samples: failure.run.samples,
  };
}

export const NO_END: ProcessEnd = { exitCode: null, signal: null, logLines: [] };

export function describeEnd(end: ProcessEnd): string {
  return end.signal === null
    ? `it ended with exit code ${end.exitCode}`
    : `it was ended by ${end.signal}`;
}

export function stopAgent(
  state: StateOf<'running'> | StateOf<'watching'>,
  purpose: Purpose,
  options: { readonly graceMs: number; readonly first?: readonly Order[] },
): SupervisionStep {
  const { life, boot, run } = state;
  return {
    state: { kind: 'stopping', life, boot, run, purpose, isEnding: purpose.kind === 'end' },
    orders: [...(options.first ?? []), { kind: 'end-agent', graceMs: options.graceMs }],
  };
}

export function ended(life: Life, exitCode: number): SupervisionStep {
  return { state: { kind: 'ended', life, exitCode }, orders: [] };
}

/** An ordered stop gives back the try of the launcher too, if it is on trial. */
export function endedByOrder(life: Life): SupervisionStep {
  const record = isOnTrial(life) ? giveTryBack(life.record, 'launcher') : life.record;
  return ended({ ...life, record }, EXIT.stop);
}

export function sent(
  state: SupervisionState,
  ...messages: readonly Extract<Order, { kind: 'send' }>['message'][]
): SupervisionStep {
  return { state, orders: messages.map((message) => ({ kind: 'send', message })) };
}

export function failedAnswer(
  state: SupervisionState,
  failure: { readonly id: number; readonly code: ErrorCode; readonly message: string },
): SupervisionStep {
  return sent(state, { kind: 'failed', ...failure });
}

export function spawnedMessage(life: Life, boot: Boot): Spawned {
  const { agent, launcher } = life.record.components;
  return {
    kind: 'spawned',
    pipe: PIPE_VERSION,
    launcherVersion: life.self.version,
    launcherDigest: life.self.digest,
    slot: boot.slot,
    components: { agent: toldOf(agent), launcher: toldOf(launcher) },
  };
}

/**
 * The newest refusal whole, of the older ones all but what they printed: eight of them whole would not fit in a line of
 * the pipe, and an agent that needs its own fate needs the newest.
 */
function toldOf(component: ComponentRecord): Spawned['components']['agent'] {
  const { committed, previous, trial, refused: refusals } = component;
  const told = refusals.map((refusal, index) =>
    index === refusals.length - 1
      ? refusal
      : { ...refusal, evidence: { ...refusal.evidence, logLines: [], samples: [] } },
  );
  return { committed, previous, trialAttemptId: trial?.attemptId ?? null, refused: told };
}

/** B14: the launcher's own trial runs out only while nothing speaks for it. */
export function tickLauncher(life: Life, spoken: { readonly isSpokenFor: boolean }): Life {
  if (life.launcherLeftMs === null || spoken.isSpokenFor) return life;
  return { ...life, launcherLeftMs: Math.max(0, life.launcherLeftMs - HEARTBEAT_MS) };
}

export function withWatchSaved(life: Life, verdict: Verdict | null): Life {
  let { record } = life;
  if (verdict !== null)
    record = withWatchedLeft(record, 'agent', verdict.kind === 'open' ? verdict.leftMs : 0);
  if (life.launcherLeftMs !== null)
    record = withWatchedLeft(record, 'launcher', life.launcherLeftMs);
  return record === life.record ? life : { ...life, record };
}
