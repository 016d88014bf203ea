export type { Maintenance, RestoreStatus } from './coordinator-schemas.ts';
export type { Principal, Token } from './principal-schemas.ts';
export type {
  ChoiceRollout,
  Rollout,
  RolloutMember,
  RolloutPlan,
  RolloutSimulation,
} from './rollout-schemas.ts';
export type { Method, Route } from './route.ts';
export { ROUTES } from './routes/index.ts';
export type {
  Agent,
  Attempt,
  Choice,
  Command,
  HistoryEntry,
  Offer,
  OfferedTask,
  OutputRow,
  Problem,
  Reason,
  Release,
  Run,
} from './schemas.ts';
