export { type HoldFacts, holdReasonOf, NO_UPGRADE_FACTS, type UpgradeFacts } from './hold.ts';
export {
  CAPABILITY_FOR,
  COMMAND_KINDS,
  CONTROL_KINDS,
  type CommandKind,
  type ControlKind,
  isControlKind,
  knowsPace,
  tooOldMarkOf,
} from './kinds.ts';
export {
  COMMAND_STATES,
  COMMAND_TRANSITIONS,
  type CommandCell,
  type CommandEvent,
  type CommandState,
  commandAfter,
  type EndedState,
  isEnded,
  VANISHED_MS,
} from './machine.ts';
export { type OrderWarning, orderWarnings } from './order-warnings.ts';
export { HOLD_REASONS, type HoldReason, type HoldReasonText, isHoldReason } from './reasons.ts';
export { REPAIRS_MAX, type RepairFacts, type RepairVerdict, repairVerdict } from './repair.ts';
export {
  type Explained,
  explain,
  type NothingOpen,
  type OpenCommand,
  OUTDATED,
  type Turn,
  type WhyFacts,
} from './why.ts';
