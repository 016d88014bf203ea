/* The thread that writes: node:sqlite blocks, and an fsync must not stop the sessions. Bundled as store-worker.cjs. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { codedErrorFrom } from '@moult/core/errors';
import { systemRandom } from '@moult/runtime/random';
import { WriteEngine } from './sqlite/engine.ts';
import type { FromWorker, ToWorker } from './sqlite/worker-messages.ts';

if (parentPort === null) throw new Error('store-worker runs as a worker thread');
// A function, since a bundle in CommonJS has no await at its top level.
void serve(parentPort);

async function serve(port: MessagePort): Promise<void> {
  const tell = (message: FromWorker): void => port.postMessage(message);
  try {
    const engine = await WriteEngine.open(String(workerData), systemRandom);
    port.on('message', (message: ToWorker) => {
      if (message.kind === 'close') {
        engine.close();
        tell({ kind: 'closed' });
        port.close();
        return;
      }
      void engine.runBatch(message.requests).then((answers) => tell({ kind: 'answers', answers }));
    });
    tell({ kind: 'opened' });
  } catch (caught) {
    const { code, message, remedy } = codedErrorFrom(caught);
    tell({ kind: 'not-opened', code, message, remedy });
  }
}
