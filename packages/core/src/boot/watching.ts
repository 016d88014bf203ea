/* What a launcher makes of the passing of time and of what its agent says of itself. */
import {
  HEALTHY_TICKS,
  ROLLBACK_GRACE_MS,
  SAVE_TICKS,
  STOP_GRACE_MS,
  stopAgent,
  tickLauncher,
  withWatchSaved,
} from './boots.ts';
import { EVIDENCE_LIMITS } from './evidence.ts';
import { HANG_TICKS, HEARTBEAT_MS } from './pipe.ts';
import type {
  Life,
  Order,
  Run,
  StateOf,
  SupervisionState,
  SupervisionStep,
} from './supervision-types.ts';
import { type Heartbeat, isUnwell, stepVerdict, type VerdictEvent } from './verdict.ts';

export function tickRunning(
  state: StateOf<'running'>,
  options: { readonly isSaving: boolean },
): SupervisionStep {
  const run = ticked(state.run);
  const isHealthy = run.ticks >= HEALTHY_TICKS && run.last !== null;
  const life = tickedLife({ ...state.life, failures: isHealthy ? 0 : state.life.failures }, run);
  const next: StateOf<'running'> = { ...state, life, run };
  if (life.launcherLeftMs === 0)
    return stopAgent(next, { kind: 'refuse-launcher' }, { graceMs: ROLLBACK_GRACE_MS });
  // A committed version that hangs is started again; nothing is refused.
  if (run.silentTicks >= HANG_TICKS) return stopAgent(next, { kind: 'restart' }, { graceMs: 0 });
  const isDue = options.isSaving && run.ticks % SAVE_TICKS === 0;
  return quiet(isDue ? { ...next, life: withWatchSaved(life, null) } : next);
}

export function tickWatching(
  state: StateOf<'watching'>,
  options: { readonly isSaving: boolean },
): SupervisionStep {
  const run = ticked(state.run);
  const life = tickedLife(state.life, run);
  const next: StateOf<'watching'> = { ...state, life, run };
  if (life.launcherLeftMs === 0)
    return stopAgent(next, { kind: 'refuse-launcher' }, { graceMs: ROLLBACK_GRACE_MS });
  // B5: a hang is refused at once: it would cost a minute of silence at each try.
  if (run.silentTicks >= HANG_TICKS) {
    const detail = `no heartbeat for ${(HANG_TICKS * HEARTBEAT_MS) / 1000} s`;
    return stopAgent(next, { kind: 'refuse', reason: 'hung', detail }, { graceMs: 0 });
  }
  const step = judge(next, { kind: 'ticked', last: run.last });
  if (step.state.kind !== 'watching' || !options.isSaving || run.ticks % SAVE_TICKS !== 0)
    return step;
  const saved = { ...step.state, life: withWatchSaved(step.state.life, step.state.boot.verdict) };
  return { state: saved, orders: step.orders };
}

export function judge(state: StateOf<'watching'>, event: VerdictEvent): SupervisionStep {
  const { verdict, work } = stepVerdict(state.boot.verdict, event);
  const next: StateOf<'watching'> =
    verdict === state.boot.verdict ? state : { ...state, boot: { ...state.boot, verdict } };
  const previous = state.life.record.components.agent.committed;
  const orders: Order[] = [];
  if (
    event.kind === 'probed' &&
    state.boot.verdict.kind === 'probing-previous' &&
    previous !== null
  ) {
    const probed = { kind: 'probed', version: previous.version, reached: event.reached } as const;
    orders.push({ kind: 'send', message: probed });
  }
  switch (work.kind) {
    case 'none':
      return { state: next, orders };
    case 'dial':
      return { state: next, orders: [...orders, { kind: 'send', message: { kind: 'dial' } }] };
    case 'probe-own':
      return { state: next, orders: [...orders, { kind: 'probe', slot: state.boot.slot }] };
    case 'probe-previous':
      return previous === null
        ? { state: next, orders }
        : { state: next, orders: [...orders, { kind: 'probe', slot: previous }] };
    case 'stop-and-probe':
      return stopAgent(next, { kind: 'probe', strikes: work.strikes }, { graceMs: STOP_GRACE_MS });
    case 'refuse':
      return stopAgent(next, work, { graceMs: ROLLBACK_GRACE_MS });
  }
}

export function heard(run: Run, heartbeat: Heartbeat): Run {
  const { reached, healthy } = heartbeat;
  const samples = [...run.samples, { afterMs: run.ticks * HEARTBEAT_MS, reached, healthy }];
  return {
    ...run,
    last: heartbeat,
    silentTicks: 0,
    samples: samples.slice(-EVIDENCE_LIMITS.samplesMax),
  };
}

function ticked(run: Run): Run {
  return { ...run, ticks: run.ticks + 1, silentTicks: run.silentTicks + 1 };
}

/** Two ticks of silence are an ordinary late heartbeat. */
const SILENT_TICKS_MAX = 2;

/** B14: an agent that is heard speaks for its launcher, unless it saw the world and is unwell all the same. */
function tickedLife(life: Life, run: Run): Life {
  const { last, silentTicks } = run;
  const isHeard = last !== null && silentTicks <= SILENT_TICKS_MAX;
  return tickLauncher(life, { isSpokenFor: isHeard && !isUnwell(last) });
}

export function quiet(state: SupervisionState): SupervisionStep {
  return { state, orders: [] };
}
