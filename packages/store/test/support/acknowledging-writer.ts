/* Run as a process of its own and killed: prints a line for each write that was acknowledged. */
import { writeSync } from 'node:fs';
import { storeWorkerPath } from '../../../../test/support/store-worker.ts';
import { openSqliteStore } from '../../src/index.ts';
import { makeToken } from './tokens.ts';

const store = await openSqliteStore({
  path: process.argv[2] ?? '',
  workerPath: storeWorkerPath(),
});
for (;;) {
  const made = await Promise.all(Array.from({ length: 20 }, () => makeToken(store, {})));
  writeSync(1, `${made.map((token) => token.id).join('\n')}\n`);
}
