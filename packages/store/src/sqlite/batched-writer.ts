/*
 * Collects writes while a batch is under way and hands them over as the next one: under load batches grow by
 * themselves, and a lone write waits for nobody.
 */
import { CodedError, type ErrorCode } from '@moult/core/errors';
import type { WriteAnswer, WriteRequest } from './engine.ts';

/**
 * A batch is one transaction, and its answers come back to the event loop in one turn, each with work behind it: more
 * than this would make the first writer wait for the last, and everybody for both.
 */
const BATCH_MAX = 128;
/** Output of some hosts in one batch; it is copied to the thread that writes. */
const BATCH_BYTES_MAX = 8_388_608;
/** Beyond this the disk does not keep up; callers are told instead of filling the memory. */
export const WAITING_MAX = 20_000;
/** The same in bytes: thousands of hosts may bring full batches of output at once. */
export const WAITING_BYTES_MAX = 268_435_456;

interface Waiting extends WriteRequest {
  readonly bytes: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class BatchedWriter {
  readonly #runBatch: (requests: readonly WriteRequest[]) => Promise<readonly WriteAnswer[]>;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(runBatch: (requests: readonly WriteRequest[]) => Promise<readonly WriteAnswer[]>) {
    this.#runBatch = runBatch;
  }

  submit(name: string, args: unknown): Promise<unknown> {
    if (this.#isClosed) {
      return Promise.reject(new CodedError('store-closed', `${name}: the store is closed`));
    }
    const bytes = bytesOf(args);
    if (this.#waiting.length >= WAITING_MAX || this.#waitingBytes + bytes > WAITING_BYTES_MAX) {
      const waiting = `${this.#waiting.length} writes of ${this.#waitingBytes} bytes are waiting`;
      return Promise.reject(new CodedError('store-overloaded', `${name}: ${waiting}`));
    }
    this.#waitingBytes += bytes;
    const done = new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ name, args, bytes, resolve, reject });
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
    this.#waitingBytes = 0;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch();
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

  /** At least one. */
  #nextBatch(): readonly Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const one of this.#waiting) {
      const isFull = count >= BATCH_MAX || (count > 0 && bytes + one.bytes > BATCH_BYTES_MAX);
      if (isFull) break;
      count += 1;
      bytes += one.bytes;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }
}

/** About what it takes in memory: texts and bytes are what grows. */
function bytesOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 8;
  return Object.values(value).reduce<number>((sum, part) => sum + bytesOf(part), 16);
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
