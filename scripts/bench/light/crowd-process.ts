import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from '../../fleet/until.ts';
import type { Order, OrderOf, Told } from './orders.ts';

/** So many go live a second while the crowd is made. */
const RAMP_PER_SECOND = 400;
export const LIVE_MS_MAX = 240_000;

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

  /** One whose peers are all connected. */
  static async live(of: {
    readonly mode: Extract<Order, { kind: 'start' }>['mode'];
    readonly port: number;
    readonly agentsPath: string;
    readonly from?: number;
    readonly count: number;
  }): Promise<CrowdProcess> {
    const { port, from = 0, ...rest } = of;
    const crowd = new CrowdProcess();
    const afterMs = Date.now();
    const rampMs = (of.count * 1_000) / RAMP_PER_SECOND;
    const url = `ws://127.0.0.1:${port}`;
    await crowd.order({ kind: 'start', ...rest, url, from, rampMs });
    await crowd.allLive({ afterMs, timeoutMs: LIVE_MS_MAX });
    return crowd;
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
