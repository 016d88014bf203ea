/*
 * A process: code of ours with ports that lead nowhere once it is dead. What a dead process still computes reaches
 * nobody: its waits never end, its writes are not done. A frozen one (a hang) is alive and never scheduled again.
 */
import type { AgentEnd } from '@moult/launcher';
import type { Clock } from '@moult/runtime/clock';
import type { World } from './world.ts';

export class SimProcess {
  readonly pid: number;
  readonly name: string;
  readonly clock: Clock;
  readonly #world: World;
  readonly #atEnd: ((end: AgentEnd) => void)[] = [];
  #end: AgentEnd | null = null;
  #isFrozen = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.pid = world.nextPid();
    this.clock = {
      nowMs: () => world.wallMs,
      monotonicMs: () => world.hostClock.monotonicMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get isAlive(): boolean {
    return this.#end === null;
  }

  get isRunning(): boolean {
    return this.#end === null && !this.#isFrozen;
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  atEnd(told: (end: AgentEnd) => void): void {
    if (this.#end === null) this.#atEnd.push(told);
    else told(this.#end);
  }

  end(end: AgentEnd): void {
    if (this.#end !== null) return;
    this.#end = end;
    this.#world.trace(`${this.name} ended`, end);
    for (const told of this.#atEnd) told(end);
  }

  kill(): void {
    this.end({ exitCode: null, signal: 'SIGKILL' });
  }

  /** Runs later, if the process then runs. */
  after(delayMs: number, run: () => void): void {
    this.#world.hostClock.after(delayMs, () => {
      if (this.isRunning) run();
    });
  }

  /** Never ends if the process dies meanwhile. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Names a point at which the world may end this process. Never ends if it did. */
  async point(name: string): Promise<void> {
    this.#world.point(name);
    if (!this.isRunning) await never();
  }

  /** As `point`, where nothing can wait: false if the process is no more. */
  pointNow(name: string): boolean {
    if (this.isRunning) this.#world.point(name);
    return this.isRunning;
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const task = this.#world.hostClock.after(ms, () => {
        signal?.removeEventListener('abort', aborted);
        if (this.isRunning) resolve();
      });
      const aborted = () => {
        task.cancel();
        if (this.isRunning) reject(signal?.reason);
      };
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }
}

export function never(): Promise<never> {
  return new Promise(() => undefined);
}
