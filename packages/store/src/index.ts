export type * from './database.ts';
export { SCHEMA } from './migrations/index.ts';
export type { Order } from './operations/context.ts';
export { changesIn, hasNoLauncher, keptIn, noLauncherSelected } from './operations/host-facts.ts';
export type * from './operations/index.ts';
export { TRIAL_STEPS } from './operations/lost-orders.ts';
export { countsOf } from './operations/rollout/rows.ts';
export { runPlaceOf } from './operations/runs.ts';
export { offersOf } from './operations/tasks.ts';
export type * from './operations/views.ts';
export type * from './restore-tables.ts';
export type * from './rollout-tables.ts';
export { openInlineSqliteStore, openSqliteStore, sourceWorkerPath } from './sqlite/sqlite-store.ts';
export { storeAttempts, storeFacts, storeHistory } from './sqlite/store-diagnosis.ts';
export {
  copySqliteStore,
  holdSqliteStore,
  sqliteStorePlace,
} from './sqlite/store-files.ts';
export { type StoreView, viewSqliteStore } from './sqlite/view.ts';
export type {
  ReadArgs,
  ReadName,
  ReadResult,
  Store,
  WriteArgs,
  WriteName,
  WriteResult,
} from './store.ts';
