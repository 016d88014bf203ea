import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CodedError } from '@moult/core/errors';
import type { Random } from '@moult/runtime/random';
import { READS } from '../operations/index.ts';
import type { Store } from '../store.ts';
import { kyselyOver } from './adapter.ts';
import { BatchedWriter, errorOf } from './batched-writer.ts';
import { type WriteAnswer, WriteEngine } from './engine.ts';
import { databaseError, openForReading } from './open.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

type AnyRead = (db: unknown, args: unknown) => Promise<unknown>;

/** Where the worker's source lies in a checkout; a bundle gives the path of its own. */
export function sourceWorkerPath(): string {
  return fileURLToPath(new URL('../store-worker.ts', import.meta.url));
}

/** Opens (and if need be makes) a database, writing in a thread of its own. Throws what `WriteEngine.open` throws. */
export async function openSqliteStore(options: {
  readonly path: string;
  readonly workerPath: string;
}): Promise<Store> {
  const worker = new Worker(options.workerPath, { workerData: options.path });
  const link = new WorkerLink(worker);
  const first = await link.next();
  if (first.kind === 'not-opened') {
    await worker.terminate();
    throw errorOf(first);
  }
  const writer = new BatchedWriter(async (requests) => {
    link.post({ kind: 'batch', requests });
    const answer = await link.next();
    return answer.kind === 'answers' ? answer.answers : [];
  });
  return storeOver({
    path: options.path,
    writer,
    lost: link.lost,
    end: async () => {
      link.post({ kind: 'close' });
      await link.next();
      await worker.terminate();
    },
  });
}

/** The same store without a thread, for simulations that give their own chance. */
export async function openInlineSqliteStore(options: {
  readonly path: string;
  readonly random: Random;
}): Promise<Store> {
  const engine = await WriteEngine.open(options.path, options.random);
  const writer = new BatchedWriter(
    (requests): Promise<readonly WriteAnswer[]> => engine.runBatch(requests),
  );
  const lost = new Promise<never>(() => undefined);
  return storeOver({ path: options.path, writer, lost, end: async () => engine.close() });
}

function storeOver(options: {
  readonly path: string;
  readonly writer: BatchedWriter;
  readonly lost: Promise<unknown>;
  readonly end: () => Promise<void>;
}): Store {
  const reading = openForReading(options.path);
  const db = kyselyOver(reading);
  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    await options.writer.close();
    reading.close();
    await options.end();
  };
  return {
    lost: options.lost,
    write: (name, args) => options.writer.submit(name, args) as never,
    read: async (name, args) => {
      try {
        return (await (READS[name] as unknown as AnyRead)(db, args)) as never;
      } catch (caught) {
        throw databaseError(caught, options.path);
      }
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Messages of the worker one by one; a worker that dies fails whoever waits. */
class WorkerLink {
  readonly lost: Promise<unknown>;
  readonly #worker: Worker;
  #arrived: FromWorker[] = [];
  #waiting: { resolve(message: FromWorker): void; reject(error: unknown): void } | null = null;
  #failure: unknown = null;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (message: FromWorker) => {
      if (this.#waiting === null) this.#arrived.push(message);
      else this.#waiting.resolve(message);
      this.#waiting = null;
    });
    this.lost = new Promise((resolve) => {
      worker.on('error', (error) => {
        this.#fail(error);
        resolve(error);
      });
      worker.on('exit', () => {
        const ended = new CodedError('store-closed', 'the store ended');
        this.#fail(ended);
        resolve(ended);
      });
    });
  }

  post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  next(): Promise<FromWorker> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = null;
  }
}
