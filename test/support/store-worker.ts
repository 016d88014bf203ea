import { sourceWorkerPath } from '@moult/store';

export const STORE_WORKER = 'MOULT_TEST_STORE_WORKER';

/** The store's thread in one file, as in production, made once a run: from sources it takes three times as long to start. */
export function storeWorkerPath(): string {
  return process.env[STORE_WORKER] ?? sourceWorkerPath();
}
