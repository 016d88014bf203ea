/*
 * The real coordinator of a simulated fleet: store, gateway, queue and handlers as they are, over virtual time and
 * simulated connections. It can be killed before and after every transaction of its store, started again, backed up
 * and restored. What a killed one still computes reaches nobody.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CodedError } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import { silentLogger } from '@moult/runtime/logger';
import { openInlineSqliteStore, type Store } from '@moult/store';
import { beginRun } from '../../../packages/coordinator/src/begin-run.ts';
import { Gateway } from '../../../packages/coordinator/src/gateway/gateway.ts';
import { Sessions } from '../../../packages/coordinator/src/gateway/sessions.ts';
import { agentHandlers } from '../../../packages/coordinator/src/http/handlers/agents.ts';
import { choiceHandlers } from '../../../packages/coordinator/src/http/handlers/choices.ts';
import { controlHandlers } from '../../../packages/coordinator/src/http/handlers/controls.ts';
import { coordinatorHandlers } from '../../../packages/coordinator/src/http/handlers/coordinator.ts';
import { groupLabelHandlers } from '../../../packages/coordinator/src/http/handlers/groups-and-labels.ts';
import { rolloutHandlers } from '../../../packages/coordinator/src/http/handlers/rollouts.ts';
import { OutputWaiters } from '../../../packages/coordinator/src/output/output-waiters.ts';
import { Dispatcher } from '../../../packages/coordinator/src/queue/dispatcher.ts';
import { LiveFrames } from '../../../packages/coordinator/src/queue/live-frames.ts';
import { Why } from '../../../packages/coordinator/src/queue/why.ts';
import { Selection } from '../../../packages/coordinator/src/registry/selection.ts';
import { Planning } from '../../../packages/coordinator/src/rollouts/planning.ts';
import { Rollouts } from '../../../packages/coordinator/src/rollouts/rollouts.ts';
import type { ServerEnd, ServerListener } from '../network.ts';
import type { Scheduler } from '../scheduler.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { never } from '../sim-process.ts';
import { SimCarrier, type Unruliness } from './carrier.ts';

export interface RealCoordinatorOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly wallMs: () => number;
  /** It drives rollouts, which looks at them each second. */
  readonly rolls?: boolean;
  /** Before and after each transaction: whoever is told may kill it. */
  readonly point: (name: string) => void;
  /** Durable writes were made. */
  readonly onWritten: (store: Store) => Promise<void>;
  readonly trace: (what: string, detail?: unknown) => void;
}

/** One life of the process. */
interface Process {
  isAlive: boolean;
  readonly raw: Store;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly gateway: Gateway;
  readonly why: Why;
  readonly handlers: ReturnType<typeof agentHandlers> &
    ReturnType<typeof choiceHandlers> &
    ReturnType<typeof controlHandlers> &
    ReturnType<typeof coordinatorHandlers> &
    ReturnType<typeof groupLabelHandlers> &
    ReturnType<typeof rolloutHandlers>;
  readonly carriers: Set<SimCarrier>;
}

export class RealCoordinator {
  readonly unruliness: Unruliness = { isLossy: false, isDoubling: false, isReordering: false };
  isDiskFull = false;
  readonly #options: RealCoordinatorOptions;
  readonly #dir: string;
  readonly #path: string;
  #process: Process | null = null;
  #closing: Promise<void> = Promise.resolve();

  constructor(options: RealCoordinatorOptions) {
    this.#options = options;
    // In memory: a transaction is durable for a killed process once SQLite has committed it.
    const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    this.#dir = mkdtempSync(join(base, 'moult-sim-'));
    this.#path = join(this.#dir, 'store.db');
  }

  /** Null: its process is not there. */
  get process(): Process | null {
    return this.#process;
  }

  /** Of its database. */
  get path(): string {
    return this.#path;
  }

  wallMs(): number {
    return this.#options.wallMs();
  }

  get isListening(): boolean {
    return this.#process !== null;
  }

  async start(): Promise<void> {
    if (this.#process !== null) return;
    await this.#closing;
    const { scheduler, random, wallMs, rolls } = this.#options;
    const raw = await openInlineSqliteStore({ path: this.#path, random });
    // Nobody drives rollouts there.
    if (rolls !== true) {
      const setting = { key: 'choice.rolls-out', value: 'no', group: null };
      const order = { nowMs: wallMs(), principal: 'admin', why: '' };
      await raw.write('changeSetting', { ...order, ...setting });
    }
    const alive = { isAlive: true };
    const store = this.#guarded(raw, alive);
    const clock = clockOf({ scheduler, wallMs, isAlive: () => alive.isAlive });
    const sessions = new Sessions();
    const common = { store, clock, random, log: silentLogger, sessions };
    const selection = new Selection(common);
    const rollouts = new Rollouts({
      ...{ ...common, selection },
      onIssued: (ids) => {
        for (const id of ids) dispatcher.touch(id);
      },
    });
    const dispatcher = new Dispatcher({
      ...common,
      onFreed: (group) => rollouts.touch(group),
      onLookedAt: (id) => rollouts.lookAt(id),
    });
    const planning = new Planning({ ...common, selection, rollouts });
    const why = new Why({ store, sessions, selection });
    const waiters = new OutputWaiters({ clock });
    const live = new LiveFrames({ ...common, dispatcher, why, waiters });
    // It publishes nothing: there is no metadata to sign anew.
    const onNoticed = (): void => undefined;
    const gateway = new Gateway({ ...common, version: '1.0.0', live, onNoticed });
    const handlers = {
      ...agentHandlers({ store, clock, sessions, dispatcher, selection, why }),
      ...choiceHandlers({ store, clock, dispatcher, sessions, rollouts }),
      ...controlHandlers({ store, clock, sessions, dispatcher, selection }),
      ...coordinatorHandlers({ store, clock, dispatcher, rollouts, output: { forwards: [] } }),
      ...groupLabelHandlers({ store, clock, dispatcher, selection, rollouts }),
      ...rolloutHandlers({ store, clock, sessions, dispatcher, selection, rollouts, planning }),
    };
    const process: Process = Object.assign(alive, {
      raw,
      store,
      sessions,
      gateway,
      why,
      handlers,
      carriers: new Set<SimCarrier>(),
    });
    this.#process = process;
    await beginRun({ ...common, version: '1.0.0' });
    await dispatcher.start();
    if (rolls === true) await rollouts.start();
    if (rolls === true) planning.start();
    if (process.isAlive) gateway.start();
    this.#options.trace('the coordinator runs');
  }

  /** As kill -9. */
  kill(): void {
    const process = this.#process;
    if (process === null) return;
    this.#options.trace('the coordinator is killed');
    process.isAlive = false;
    this.#process = null;
    for (const carrier of process.carriers) carrier.cut();
    this.#closing = process.raw.close();
  }

  /** A copy of what is durable now, beside it. */
  backUp(): string {
    const path = join(this.#dir, `backup-${this.#options.random.hex(8)}.db`);
    const reading = new DatabaseSync(this.#path, { readOnly: true });
    reading.exec(`VACUUM INTO '${path}'`);
    reading.close();
    return path;
  }

  /** Puts a copy in the place of the store, as a restored machine would have it. */
  async putBack(backupPath: string, restored: (store: Store) => Promise<void>): Promise<void> {
    this.kill();
    // Nobody may start it meanwhile.
    this.#closing = this.#closing.then(() => this.#replace(backupPath, restored));
    await this.#closing;
  }

  async #replace(backupPath: string, restored: (store: Store) => Promise<void>): Promise<void> {
    for (const suffix of ['-wal', '-shm']) rmSync(`${this.#path}${suffix}`, { force: true });
    copyFileSync(backupPath, this.#path);
    const store = await openInlineSqliteStore({ path: this.#path, random: this.#options.random });
    await restored(store);
    await store.close();
  }

  accept(end: ServerEnd): ServerListener {
    const process = this.#process;
    if (process === null) {
      end.close(1006);
      return { onFrame: () => undefined, onClosed: () => undefined };
    }
    const { scheduler, random } = this.#options;
    const carrier = new SimCarrier({
      end,
      scheduler,
      random,
      unruliness: this.unruliness,
      isAlive: () => process.isAlive,
    });
    process.carriers.add(carrier);
    process.gateway.open(carrier);
    return carrier.server;
  }

  async close(): Promise<void> {
    this.kill();
    await this.#closing;
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #guarded(raw: Store, alive: { readonly isAlive: boolean }): Store {
    const { point, onWritten } = this.#options;
    return {
      lost: raw.lost,
      close: () => raw.close(),
      read: async (name, args) => {
        if (!alive.isAlive) return await never();
        const result = await raw.read(name, args).catch((error: unknown) => deadOr(alive, error));
        return (alive.isAlive ? result : await never()) as never;
      },
      write: async (name, args) => {
        if (alive.isAlive) point(`coordinator:${name}:before`);
        if (!alive.isAlive) return await never();
        if (this.isDiskFull) throw new CodedError('disk-full', 'no space left for the store');
        const result = await raw.write(name, args);
        if (alive.isAlive) {
          await onWritten(raw).catch((error: unknown) => deadOr(alive, error));
        }
        if (alive.isAlive) point(`coordinator:${name}:after`);
        return (alive.isAlive ? result : await never()) as never;
      },
    };
  }
}

/** What fails because the process was killed meanwhile tells nobody. */
function deadOr(alive: { readonly isAlive: boolean }, error: unknown): Promise<never> {
  return alive.isAlive ? Promise.reject(error) : never();
}

function clockOf(of: {
  readonly scheduler: Scheduler;
  readonly wallMs: () => number;
  readonly isAlive: () => boolean;
}): Clock {
  const { scheduler, wallMs, isAlive } = of;
  return {
    nowMs: wallMs,
    monotonicMs: () => scheduler.nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const task = scheduler.after(ms, () => {
          signal?.removeEventListener('abort', aborted);
          if (isAlive()) resolve();
        });
        const aborted = () => {
          task.cancel();
          if (isAlive()) reject(signal?.reason);
        };
        signal?.addEventListener('abort', aborted, { once: true });
      }),
  };
}
