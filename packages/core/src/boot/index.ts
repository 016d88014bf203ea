export {
  BACKOFF_MS,
  HOST_TROUBLES_MAX,
  NEW_RUN,
  ROLLBACK_GRACE_MS,
  STOP_GRACE_MS,
} from './boots.ts';
export {
  EVIDENCE_LIMITS,
  type Evidence,
  type HealthSample,
  type RefusalReason,
} from './evidence.ts';
export { encodeHolder, type Holder, readHolder, startTimeOf } from './holder.ts';
export {
  type AgentPipeMessage,
  EXIT,
  HANG_TICKS,
  HEARTBEAT_MS,
  type LauncherPipeMessage,
  PIPE_FD,
  PIPE_LINE_BYTES_MAX,
  PIPE_VERSION,
  type PipeRequest,
  PROBE_EXIT,
  REHEARSAL_EXIT,
  type RehearsalOutcome,
  type Spawned,
  WATCHED_FACTOR,
} from './pipe.ts';
export { type PipeReading, readAgentLine, readEvidence } from './pipe-reading.ts';
export {
  type BootRecord,
  type ComponentRecord,
  REBOOT_TRIES_MAX,
  REFUSALS_MAX,
  type Refusal,
  type Slot,
  slotDirOf,
  TRIES_MAX,
  type Trial,
} from './record.ts';
export {
  askTry,
  beginTry,
  type CommitOrder,
  commitTrial,
  EMPTY_COMPONENT,
  firstRecord,
  giveTryBack,
  leftByOwner,
  type RecordStep,
  type RefuseOrder,
  type RollBackOrder,
  refuseTrial,
  rollBack,
  type TryBegun,
  type TryOrder,
  withWatchedLeft,
} from './record-steps.ts';
export {
  chooseLauncher,
  encodeBootRecord,
  type Found,
  isSlot,
  type LauncherChoice,
  type RecordReading,
  readBootRecord,
  recoveredRecord,
} from './recovery.ts';
export { IllegalSupervisionError, SUPERVISION, stepSupervision } from './supervision.ts';
export type {
  Boot,
  Life,
  OccurredEvent,
  Order,
  ProcessEnd,
  Run,
  SupervisionEvent,
  SupervisionState,
  SupervisionStep,
} from './supervision-types.ts';
export {
  CANNOT_UPGRADE_AGAIN,
  DIAL_TICKS,
  type Heartbeat,
  openVerdict,
  STRIKE_GAP_MS,
  STRIKES_MAX,
  stepVerdict,
  VERDICTS,
  type Verdict,
  type VerdictEvent,
  type VerdictStep,
  type VerdictWork,
  verdictAfterStoppedProbe,
  WATCHED_AGAIN_MS,
  WORLD_PROBE_TICKS,
} from './verdict.ts';
