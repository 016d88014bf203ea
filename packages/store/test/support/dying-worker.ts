// A store thread that opens, and dies of its first batch.
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', () => {
  throw new Error('the thread died');
});
parentPort?.postMessage({ kind: 'opened' });
