export {
  EVIDENCE_LIMITS,
  type Evidence,
  type HealthSample,
  type RefusalReason,
} from './evidence.ts';
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
  type Spawned,
  WATCHED_FACTOR,
} from './pipe.ts';
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
