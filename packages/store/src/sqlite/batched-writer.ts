/*
 * Collects writes while a batch is under way and hands them over as the next one: under load batches grow by
 * themselves, and a lone write waits for nobody.
 */
import { CodedError, type ErrorCode } from '@moult/core/errors';
import type { WriteAnswer, WriteRequest } from './engine.ts';

/** A batch is one transaction: more than this would make the first writer wait for the last. */
const BATCH_MAX = 512;
/** Beyond this the disk does not keep up; callers are told instead of filling the memory. */
export const WAITING_MAX = 20_000;

interface Waiting extends WriteRequest {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class BatchedWriter {
  readonly #runBatch: (requests: readonly WriteRequest[]) => Promise<readonly WriteAnswer[]>;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(runBatch: (requests: readonly WriteRequest[]) => Promise<readonly WriteAnswer[]>) {
    this.#runBatch = runBatch;
  }

  submit(name: string, args: unknown): Promise<unknown> {
    if (this.#isClosed) {
      return Promise.reject(new CodedError('store-closed', `${name}: the store is closed`));
    }
    if (this.#waiting.length >= WAITING_MAX) {
      return Promise.reject(
        new CodedError('store-overloaded', `${name}: ${WAITING_MAX} writes are waiting`),
      );
    }
    const done = new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ name, args, resolve, reject });
    });
    // In a microtask: what is submitted together travels together.
    this.#running ??= Promise.resolve().then(() => this.#run());
    return done;
  }

  /** Takes no more; resolves when all that was submitted is answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  /** The engine is gone: answers all that wait. */
  fail(error: unknown): void {
    this.#isClosed = true;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      try {
        const answers = await this.#runBatch(batch.map(({ name, args }) => ({ name, args })));
        batch.forEach((one, index) => {
          settle(one, answers[index]);
        });
      } catch (error) {
        for (const one of batch) one.reject(error);
      }
    }
    this.#running = null;
  }
}

function settle(one: Waiting, answer: WriteAnswer | undefined): void {
  if (answer?.isDone) one.resolve(answer.result);
  else one.reject(errorOf(answer));
}

export function errorOf(
  answer: { readonly code: string; readonly message: string; readonly remedy: string } | undefined,
): CodedError {
  if (answer === undefined) return new CodedError('internal', 'the store gave no answer');
  return new CodedError(answer.code as ErrorCode, answer.message, { remedy: answer.remedy });
}
