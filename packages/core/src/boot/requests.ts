/* What a running agent may ask of its launcher; each is answered after the record was saved. */
import { failedAnswer, isOnTrial, ROLLBACK_GRACE_MS, sent, stopAgent } from './boots.ts';
import { askTry, commitTrial, type RecordStep, refuseTrial, rollBack } from './record-steps.ts';
import type {
  EventOf,
  Life,
  StateOf,
  SupervisionState,
  SupervisionStep,
} from './supervision-types.ts';

type Alive = StateOf<'running'> | StateOf<'watching'>;
export type Request =
  | EventOf<'try-asked'>
  | EventOf<'commit-asked'>
  | EventOf<'refuse-asked'>
  | EventOf<'roll-back-asked'>;

export function askedTry(state: Alive, event: EventOf<'try-asked'>): SupervisionStep {
  const isTrialRunning =
    event.component === 'agent' ? state.kind === 'watching' : isOnTrial(state.life);
  const step = answered(state, event, askTry(state.life.record, { ...event, isTrialRunning }));
  if (!isAlive(step.state) || step.state.life.record === state.life.record) return step;
  // What the version before did wrong is not the new one's: its own tries bound it.
  return { ...step, state: { ...step.state, life: { ...step.state.life, failures: 0 } } };
}

export function askedCommit(state: Alive, event: EventOf<'commit-asked'>): SupervisionStep {
  const runningDigest =
    event.component === 'agent' ? state.boot.slot.digest : state.life.self.digest;
  const step = answered(state, event, commitTrial(state.life.record, { ...event, runningDigest }));
  if (!isAlive(step.state) || step.state.life.record === state.life.record) return step;
  // B1: committed by request, and only while it runs.
  const life: Life = {
    ...step.state.life,
    failures: 0,
    ...(event.component === 'launcher' ? { launcherLeftMs: null } : {}),
  };
  const { run, boot } = step.state;
  if (event.component === 'launcher') return { ...step, state: { ...step.state, life } };
  return {
    ...step,
    state: { kind: 'running', life, boot: { kind: 'committed', slot: boot.slot }, run },
  };
}

export function askedRefuse(state: Alive, event: EventOf<'refuse-asked'>): SupervisionStep {
  const isOwnEnd =
    event.component === 'agent'
      ? state.kind === 'watching' && state.boot.attemptId === event.attemptId
      : isOnTrial(state.life) &&
        state.life.record.components.launcher.trial?.attemptId === event.attemptId;
  const step = answered(state, event, refuseTrial(state.life.record, event));
  if (!isOwnEnd || !isAlive(step.state) || step.state.life.record === state.life.record)
    return step;
  const next = { ...step.state, life: { ...step.state.life, launcherLeftMs: null } };
  return stopAgent(next, { kind: 'boot' }, { graceMs: ROLLBACK_GRACE_MS, first: step.orders });
}

/** B21. The process that asks leaves by itself, once its owner has the answer. */
export function askedRollBack(state: Alive, event: EventOf<'roll-back-asked'>): SupervisionStep {
  const step = answered(state, event, rollBack(state.life.record, event));
  if (!isAlive(step.state) || step.state.life.record === state.life.record) return step;
  // What the version that is left did wrong is not the fault of the one before.
  return { ...step, state: { ...step.state, life: { ...step.state.life, failures: 0 } } };
}

function answered(state: Alive, event: Request, step: RecordStep): SupervisionStep {
  if (step.kind === 'rejected')
    return failedAnswer(state, { id: event.id, code: step.code, message: step.message });
  if (step.kind === 'unchanged') return sent(state, { kind: 'done', id: event.id });
  const life = { ...state.life, record: step.record };
  return sent(
    { ...state, life, run: { ...state.run, hasNews: true } },
    { kind: 'done', id: event.id },
  );
}

export function notSaved(state: Alive, event: EventOf<'save-failed'>): SupervisionStep {
  if (!('id' in event.of)) return sent(state);
  return failedAnswer(state, {
    id: event.of.id,
    code: 'boot-record-unwritable',
    message: event.message,
  });
}

function isAlive(state: SupervisionState): state is Alive {
  return state.kind === 'running' || state.kind === 'watching';
}
