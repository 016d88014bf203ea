/*
 * The life of a launcher, from its start to its exit code. Pure: what it returns is saved (if the record changed),
 * then its orders are carried out, and their ends come back as events. If saving fails, `save-failed` goes to the old state.
 *
 *   idle ─started─► starting ─spawned─► running (committed)  ◄─────────── commit ──────────┐
 *                    ▲  │    └────────► watching (trial, verdict) ─────────────────────────┘
 *                    │  │ spawn-failed       │ refused, stop asked, hang, probe due
 *                    │  ▼                    ▼
 *   backing-off ◄── exited (crash) ◄───── stopping ──► probing (previous version, new one stopped) ─► starting
 *                    │                       │
 *                    └── 0, 75 for another launcher, ordered stop ──► ended (exit code)
 */
import {
  afterBadTry,
  backOff,
  bootAgain,
  bootCommitted,
  bootHere,
  bootNext,
  bootPrevious,
  describeEnd,
  ended,
  endedByOrder,
  failedAnswer,
  HOST_TROUBLES_MAX,
  isOnTrial,
  NEW_RUN,
  NO_END,
  refused,
  STOP_GRACE_MS,
  sent,
  spawnedMessage,
  stopAgent,
  tickLauncher,
  withWatchSaved,
} from './boots.ts';
import { EXIT, HANG_TICKS, HEARTBEAT_MS } from './pipe.ts';
import { giveTryBack } from './record-steps.ts';
import {
  askedCommit,
  askedRefuse,
  askedRollBack,
  askedTry,
  notSaved,
  type Request,
} from './requests.ts';
import type {
  EventOf,
  Life,
  ProcessEnd,
  Run,
  StateOf,
  SupervisionEvent,
  SupervisionState,
  SupervisionStep,
  TrialBoot,
} from './supervision-types.ts';
import { isUnwell, verdictAfterStoppedProbe } from './verdict.ts';
import { heard, judge, quiet, tickRunning, tickWatching } from './watching.ts';

/** `ignore`: legal here and means nothing. `reject`: only a bug can send it here. */
type Cell<S, E> = ((state: S, event: E) => SupervisionStep) | 'ignore' | 'reject';

type Alive = StateOf<'running'> | StateOf<'watching'>;

type SupervisionTable = {
  readonly [S in SupervisionState['kind']]: {
    readonly [E in SupervisionEvent['kind']]: Cell<StateOf<S>, EventOf<E>>;
  };
};

/** Nothing that an ended or ending process says counts any more: the order of receipt decides. */
const tooLate = (state: SupervisionState, event: Request): SupervisionStep =>
  failedAnswer(state, {
    id: event.id,
    code: 'boot-trial-stale',
    message: 'the launcher is ending this process',
  });

const NOT_ALIVE = {
  heartbeat: 'ignore',
  'try-asked': tooLate,
  'commit-asked': tooLate,
  'refuse-asked': tooLate,
  'roll-back-asked': tooLate,
  dialled: 'ignore',
} as const;

const tickWhileDown = (state: StateOf<'starting' | 'probing' | 'backing-off'>): SupervisionStep => {
  const life = tickLauncher(state.life, { isSpokenFor: false });
  if (life.launcherLeftMs === 0) return refuseLauncher(life, { end: NO_END, run: NEW_RUN });
  return { state: { ...state, life }, orders: [] };
};

export const SUPERVISION: SupervisionTable = {
  idle: {
    ...NOT_ALIVE,
    started: (state) => bootHere(withOwnWatch(state.life)),
    spawned: 'reject',
    'spawn-failed': 'reject',
    ticked: 'ignore',
    probed: 'reject',
    exited: 'reject',
    waited: 'reject',
    'stop-asked': (state) => endedByOrder(state.life),
    'save-failed': (state) => bootCommitted(withOwnWatch(state.life)),
  },
  starting: {
    ...NOT_ALIVE,
    started: 'reject',
    spawned: (state) => {
      const { life, boot } = state;
      const alive: Alive =
        boot.kind === 'trial'
          ? { kind: 'watching', life, boot, run: NEW_RUN }
          : { kind: 'running', life, boot, run: NEW_RUN };
      return sent(alive, spawnedMessage(life, boot));
    },
    'spawn-failed': (state, event) => {
      if (event.isHostTrouble && state.life.failures < HOST_TROUBLES_MAX) {
        // B5: the version was not tried, and the version before could not be started either.
        return backOff(state.boot.kind === 'trial' ? givenBack(state.life) : state.life);
      }
      if (state.boot.kind === 'committed') return bootPrevious(state.life);
      if (state.boot.kind === 'previous') return backOff(state.life);
      const end = { ...NO_END, logLines: event.logLines };
      const failure = {
        reason: 'not-started',
        detail: `it could not be started: ${event.message}`,
        end,
      } as const;
      return afterBadTry({ ...state, run: NEW_RUN }, failure);
    },
    ticked: 'ignore',
    probed: 'ignore',
    exited: 'reject',
    waited: 'reject',
    'stop-asked': (state) => ({
      state: { ...state, kind: 'stopping', run: NEW_RUN, purpose: { kind: 'end' }, isEnding: true },
      orders: [],
    }),
    'save-failed': (state) => bootCommitted(state.life),
  },
  running: {
    started: 'reject',
    spawned: 'reject',
    'spawn-failed': 'reject',
    heartbeat: (state, event) => quiet({ ...state, run: heard(state.run, event.heartbeat) }),
    ticked: (state) => tickRunning(state, { isSaving: true }),
    'try-asked': askedTry,
    'commit-asked': askedCommit,
    'refuse-asked': askedRefuse,
    'roll-back-asked': askedRollBack,
    dialled: 'ignore',
    probed: 'ignore',
    exited: (state, event) => {
      if (event.exitCode === EXIT.stop) return endedByOrder(state.life);
      if (event.exitCode === EXIT.bootRecorded || event.exitCode === EXIT.restartSame) {
        return bootAgain(state.life, state.run);
      }
      return backOff(state.life);
    },
    waited: 'ignore',
    'stop-asked': stopByOrder,
    'save-failed': (state, event) => {
      if (event.of.kind === 'ticked') return tickRunning(state, { isSaving: false });
      if (event.of.kind === 'exited')
        return event.of.exitCode === EXIT.stop ? ended(state.life, EXIT.stop) : backOff(state.life);
      return notSaved(state, event);
    },
  },
  watching: {
    started: 'reject',
    spawned: 'reject',
    'spawn-failed': 'reject',
    heartbeat: (state, event) =>
      judge(
        { ...state, run: heard(state.run, event.heartbeat) },
        { kind: 'heartbeat', heartbeat: event.heartbeat },
      ),
    ticked: (state) => tickWatching(state, { isSaving: true }),
    'try-asked': askedTry,
    'commit-asked': askedCommit,
    'refuse-asked': askedRefuse,
    'roll-back-asked': askedRollBack,
    dialled: (state, event) =>
      judge(state, { kind: 'dialled', reached: event.reached, last: state.run.last }),
    probed: (state, event) => judge(state, { kind: 'probed', reached: event.reached }),
    // Unordered, so also an exit code of 0: a trial that stops by itself would leave the host without an agent.
    exited: (state, event) =>
      crashedTrial(withWatchSaved(state.life, state.boot.verdict), state, event),
    waited: 'ignore',
    'stop-asked': stopByOrder,
    'save-failed': (state, event) => {
      if (event.of.kind === 'ticked') return tickWatching(state, { isSaving: false });
      if (event.of.kind !== 'exited') return notSaved(state, event);
      const step = crashedTrial(state.life, state, event.of);
      // A refusal that cannot be written is not lost: the tries are used up on disk, and refuse it at the next boot.
      return step.state.life.record === state.life.record ? step : bootCommitted(state.life);
    },
  },
  stopping: {
    ...NOT_ALIVE,
    started: 'reject',
    spawned: (state) => ({ state, orders: [{ kind: 'end-agent', graceMs: STOP_GRACE_MS }] }),
    'spawn-failed': (state) => afterStop(state, NO_END),
    ticked: 'ignore',
    probed: 'ignore',
    exited: (state, event) => afterStop(state, event),
    waited: 'ignore',
    'stop-asked': (state) => quiet({ ...state, isEnding: true }),
    'save-failed': (state) => {
      if (state.isEnding) return ended(state.life, EXIT.stop);
      if (state.purpose.kind === 'refuse-launcher') return ended(state.life, EXIT.bootRecorded);
      if (state.purpose.kind === 'probe') return probing(state.life, state.purpose.strikes);
      return bootCommitted(state.life);
    },
  },
  probing: {
    ...NOT_ALIVE,
    started: 'reject',
    spawned: 'reject',
    'spawn-failed': 'reject',
    ticked: tickWhileDown,
    probed: (state, event) =>
      bootNext(
        state.life,
        verdictAfterStoppedProbe({ reached: event.reached, strikes: state.strikes }),
      ),
    exited: 'ignore',
    waited: 'ignore',
    'stop-asked': (state) => endedByOrder(state.life),
    'save-failed': endOrCommitted,
  },
  'backing-off': {
    ...NOT_ALIVE,
    started: 'reject',
    spawned: 'reject',
    'spawn-failed': 'reject',
    ticked: tickWhileDown,
    probed: 'ignore',
    exited: 'ignore',
    waited: (state) => bootNext(state.life),
    'stop-asked': (state) => endedByOrder(state.life),
    'save-failed': endOrCommitted,
  },
  ended: {
    ...NOT_ALIVE,
    started: 'reject',
    spawned: 'ignore',
    'spawn-failed': 'ignore',
    ticked: 'ignore',
    probed: 'ignore',
    exited: 'ignore',
    waited: 'ignore',
    'stop-asked': 'ignore',
    'save-failed': 'ignore',
  },
};

export class IllegalSupervisionError extends Error {
  override readonly name: string = 'IllegalSupervisionError';
}

/** One event. Returns the state itself when nothing changed. Throws only for what a bug alone can send. */
export function stepSupervision(state: SupervisionState, event: SupervisionEvent): SupervisionStep {
  // Each cell is typed for its own pair; a lookup by two unions forgets the pairing.
  const cell = SUPERVISION[state.kind][event.kind] as Cell<SupervisionState, SupervisionEvent>;
  if (cell === 'ignore') return quiet(state);
  if (cell === 'reject') throw new IllegalSupervisionError(`${event.kind} in ${state.kind}`);
  return cell(state, event);
}

function stopByOrder(state: Alive): SupervisionStep {
  return stopAgent(state, { kind: 'end' }, { graceMs: STOP_GRACE_MS });
}

function endOrCommitted(
  state: StateOf<'probing' | 'backing-off'>,
  event: EventOf<'save-failed'>,
): SupervisionStep {
  if (event.of.kind === 'stop-asked') return ended(state.life, EXIT.stop);
  if (event.of.kind === 'ticked') return ended(state.life, EXIT.bootRecorded);
  return bootCommitted(state.life);
}

function afterStop(state: StateOf<'stopping'>, end: ProcessEnd): SupervisionStep {
  const { purpose, run, boot } = state;
  const step = ((): SupervisionStep => {
    switch (purpose.kind) {
      case 'end':
        return endedByOrder(boot.kind === 'trial' ? backToBefore(state.life, boot) : state.life);
      case 'boot':
        return bootNext(state.life);
      case 'restart':
        return backOff(state.life);
      case 'probe':
        return probing(givenBack(state.life), purpose.strikes);
      case 'refuse':
        return bootNext(refused(state.life, { ...purpose, end, run }));
      case 'refuse-launcher':
        return refuseLauncher(state.life, { end, run });
    }
  })();
  if (!state.isEnding || step.state.kind === 'ended') return step;
  // Asked to end meanwhile: a refusal is kept, a try that was begun for the next boot is not.
  if (purpose.kind === 'refuse') return endedByOrder(refused(state.life, { ...purpose, end, run }));
  const life = boot.kind === 'trial' ? givenBack(state.life) : state.life;
  return endedByOrder(life);
}

function backToBefore(life: Life, boot: TrialBoot): Life {
  return givenBack(withWatchSaved(life, boot.verdict));
}

function givenBack(life: Life): Life {
  return { ...life, record: giveTryBack(life.record, 'agent') };
}

function probing(life: Life, strikes: number): SupervisionStep {
  const previous = life.record.components.agent.committed;
  if (previous === null) return bootNext(life);
  return { state: { kind: 'probing', life, strikes }, orders: [{ kind: 'probe', slot: previous }] };
}

function crashedTrial(life: Life, state: StateOf<'watching'>, end: ProcessEnd): SupervisionStep {
  return afterBadTry({ ...state, life }, { reason: 'crashed', detail: describeEnd(end), end });
}

function refuseLauncher(
  life: Life,
  failure: { readonly end: ProcessEnd; readonly run: Run },
): SupervisionStep {
  const { last } = failure.run;
  const detail =
    last !== null && isUnwell(last)
      ? `its watched time ran out, and the agent under it is not well: ${last.trouble ?? 'no reason given'}`
      : 'no agent was heard under it while its watched time ran out';
  const refusal = {
    ...failure,
    component: 'launcher',
    reason: 'own-checks-failed',
    detail,
  } as const;
  return ended({ ...refused(life, refusal), launcherLeftMs: null }, EXIT.bootRecorded);
}

function withOwnWatch(life: Life): Life {
  const { trial } = life.record.components.launcher;
  return trial !== null && isOnTrial(life)
    ? { ...life, launcherLeftMs: Math.max(trial.watchedLeftMs, HANG_TICKS * HEARTBEAT_MS) }
    : life;
}
