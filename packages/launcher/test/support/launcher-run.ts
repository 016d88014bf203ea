import { HEARTBEAT_MS } from '@moult/core/boot';
import { systemClock } from '@moult/runtime/clock';
import {
  FileDisk,
  type Host,
  Launcher,
  type LauncherLog,
  type LauncherPorts,
  ProcessSpawner,
  type Spawner,
} from '../../src/index.ts';
import { FakeClock } from './fake-clock.ts';
import type { HostRoot } from './host-root.ts';

export interface LogLine {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what was logged; `until` waits for a line that is said from now on, or was said and not yet waited for. */
export class Journal implements LauncherLog {
  readonly lines: LogLine[] = [];
  #read = 0;
  readonly #watchers = new Set<() => void>();

  info(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.lines.push({ message, fields });
    for (const watcher of [...this.#watchers]) watcher();
  }

  warn(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.info(message, fields);
  }

  error(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.info(message, fields);
  }

  forward(line: string): void {
    this.info(`agent: ${line}`);
  }

  /** What was said so far is not waited for any more. */
  skip(): void {
    this.#read = this.lines.length;
  }

  until(wanted: string | RegExp): Promise<LogLine> {
    return new Promise((resolve) => {
      const look = () => {
        for (; this.#read < this.lines.length; ) {
          const line = this.lines[this.#read++];
          if (line === undefined || line.message.search(wanted) < 0) continue;
          this.#watchers.delete(look);
          resolve(line);
          return;
        }
      };
      this.#watchers.add(look);
      look();
    });
  }
}

/** A launcher in this process over real files and real agents, with a clock of the test's. */
export class LauncherRun implements AsyncDisposable {
  readonly clock: FakeClock = new FakeClock();
  readonly journal: Journal = new Journal();
  readonly exit: Promise<number>;
  readonly #stop = new AbortController();

  constructor(
    host: HostRoot,
    more: Partial<LauncherPorts> & { readonly bootId?: string; readonly digest?: string } = {},
  ) {
    const { bootId = 'boot-1', digest = null, ...ports } = more;
    const fakeHost: Host = {
      bootId,
      ready: async () => this.journal.info('ready'),
      alive: async () => undefined,
    };
    const launcher = new Launcher({
      disk: new FileDisk(host.layout),
      spawner: this.#overheard(
        new ProcessSpawner({ layout: host.layout, root: host.root, clock: systemClock }),
      ),
      clock: this.clock,
      host: fakeHost,
      log: this.journal,
      self: { version: '1.0.0', digest },
      ...ports,
    });
    this.exit = launcher.run(this.#stop.signal);
    // A test that does not look at it must not fail by it.
    this.exit.catch(() => undefined);
  }

  /** Time passes for an agent that goes on giving heartbeats (in its own, real time). */
  async watch(ticks: number): Promise<void> {
    for (let count = 0; count < ticks; count++) {
      if (count % 5 === 0) {
        this.journal.skip();
        await this.journal.until('heard');
      }
      await this.clock.fire(HEARTBEAT_MS);
    }
  }

  /** So that a test can wait until a heartbeat was received. */
  #overheard(spawner: Spawner): Spawner {
    return {
      spawn: (slot, listener) =>
        spawner.spawn(slot, {
          ...listener,
          onLine: (line) => {
            listener.onLine(line);
            if (line.includes('heartbeat')) this.journal.info('heard');
          },
        }),
      probe: (slot, signal) => spawner.probe(slot, signal),
      prepare: (slot) => spawner.prepare(slot),
      dropPrepared: () => spawner.dropPrepared(),
      rehearse: (slot, signal) => spawner.rehearse(slot, signal),
      endHolder: (holder, signal) => spawner.endHolder(holder, signal),
    };
  }

  stop(): Promise<number> {
    this.#stop.abort();
    return this.exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined);
  }
}
