import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from '../../fleet/until.ts';
import type { Order, OrderOf, Told } from './orders.ts';

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** The parent's side of a process of light peers. */
export class CrowdProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./crowd.ts', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (told: Told) => {
      const waiting = this.#waiting.get(told.id);
      this.#waiting.delete(told.id);
      if ('failure' in told) waiting?.reject(new Error(told.failure));
      else waiting?.resolve(told.result);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        for (const waiting of this.#waiting.values()) {
          waiting.reject(new Error('the process of the light peers ended'));
        }
        resolve();
      });
    });
  }

  order<K extends Order['kind']>(order: Extract<Order, { kind: K }>): Promise<OrderOf[K]> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (result) => resolve(result as OrderOf[K]), reject });
      this.#child.send({ id, order });
    });
  }

  /** When all were live, ms since 1970, later than `afterMs`. */
  async allLive(options: {
    readonly afterMs: number;
    readonly timeoutMs: number;
  }): Promise<number> {
    let last = '';
    return until(
      'every light peer is live',
      async () => {
        const { allLiveAtMs, ...rest } = await this.order({ kind: 'status' });
        last = JSON.stringify(rest);
        return allLiveAtMs !== null && allLiveAtMs > options.afterMs && allLiveAtMs;
      },
      { timeoutMs: options.timeoutMs, detail: () => last },
    );
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
