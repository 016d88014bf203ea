export type { Method, Route } from './route.ts';
export { ROUTES } from './routes/index.ts';
export type {
  Agent,
  Attempt,
  Choice,
  Command,
  HistoryEntry,
  Offer,
  Problem,
  Reason,
  Release,
  RestoreStatus,
  Token,
} from './schemas.ts';
