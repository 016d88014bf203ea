export { type HoldFacts, holdReasonOf } from './hold.ts';
export {
  COMMAND_TRANSITIONS,
  type CommandCell,
  type CommandEvent,
  type CommandState,
  commandAfter,
  isEnded,
} from './machine.ts';
export { HOLD_REASONS, type HoldReason, type HoldReasonText } from './reasons.ts';
