/*
 * The network between one host and its coordinator: connections that are slow, break half-open, or do not come about.
 * Within a connection frames keep their order; when it breaks, what is under way is lost on both sides.
 */

import { CodedError } from '@moult/core/errors';
import type { AgentFrame, CoordinatorFrame } from '@moult/protocol';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

export type Arrived =
  | { readonly kind: 'frame'; readonly frame: CoordinatorFrame }
  | { readonly kind: 'closed'; readonly code: number; readonly detail: string };

/** The coordinator's end of a connection. */
export interface ServerEnd {
  readonly name: string;
  send(frame: CoordinatorFrame): void;
  together(work: () => void): void;
  close(code: number): void;
}

export interface ServerListener {
  onFrame(frame: AgentFrame): void;
  onClosed(): void;
}

const ABNORMAL = 1006;

export class Network {
  readonly #world: World;
  readonly #open = new Set<SimConnection>();
  isDown = false;
  /** Frames that go this way are lost: up, from the host; down, to it. Connections need both. */
  cut: 'none' | 'up' | 'down' = 'none';
  /** Connections are accepted, and nothing on them is ever answered. */
  isDeaf = false;
  /** Its certificate is one that no version takes. */
  isRefused = false;

  constructor(world: World) {
    this.#world = world;
  }

  async connect(process: SimProcess, signal: AbortSignal): Promise<SimConnection> {
    const { random, door } = this.#world;
    // A refused connection is told at once, a lost packet is waited for.
    const isLost = this.isDown || this.cut !== 'none';
    await process.clock.sleep(isLost ? random.spread(10, 10_000) : this.delayMs(), signal);
    // Whoever called gives up one day.
    if (this.isDeaf) await process.clock.sleep(Number.MAX_SAFE_INTEGER, signal);
    if (!this.opensConnections || this.#world.isClockWrong || !door.isListening()) {
      throw new CodedError('coordinator-unreachable', 'no connection');
    }
    const connection = new SimConnection(this.#world, process);
    this.#open.add(connection);
    connection.begin(door.accept(connection.server));
    return connection;
  }

  get opensConnections(): boolean {
    return !this.isDown && this.cut === 'none' && !this.isDeaf && !this.isRefused;
  }

  /** All connections end, neither side knowing at once. */
  breakAll(): void {
    for (const connection of this.#open) connection.cut();
    this.#open.clear();
  }

  delayMs(): number {
    return this.#world.random.spread(1, 60);
  }
}

export class SimConnection {
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #arrived: Arrived[] = [];
  readonly server: ServerEnd;
  #listener: ServerListener | null = null;
  #wake: (() => void) | null = null;
  #isCut = false;
  #isClosed = false;
  /** What was lost one way is never made up for: a hole would be a lie of TCP. */
  #isLostUp = false;
  #isLostDown = false;
  #upMs = 0;
  #downMs = 0;
  #joint: (() => void)[] | null = null;

  constructor(world: World, process: SimProcess) {
    this.#world = world;
    this.#process = process;
    this.server = {
      name: process.name,
      send: (frame) => this.#down({ kind: 'frame', frame }, `wire:${frame.kind}`),
      together: (work) => this.#together(work),
      close: (code) => this.#down({ kind: 'closed', code, detail: `close code ${code}` }, null),
    };
  }

  begin(listener: ServerListener): void {
    this.#listener = listener;
    this.#process.atEnd(() => this.#hangUp());
  }

  send(frame: AgentFrame): void {
    if (!this.#process.pointNow(`wire:${frame.kind}:sent`) || this.#isClosed) return;
    this.#upMs = Math.max(this.#upMs, this.#now()) + this.#world.network.delayMs();
    this.#world.scheduler.after(this.#upMs - this.#now(), () => {
      this.#isLostUp ||= this.#world.network.cut === 'up';
      if (this.#isCut || this.#isLostUp) return;
      this.#world.point(`wire:${frame.kind}:received`);
      this.#listener?.onFrame(frame);
    });
  }

  arrived(): Arrived | null {
    return this.#arrived.shift() ?? null;
  }

  async next(signal: AbortSignal): Promise<Arrived> {
    for (;;) {
      if (signal.aborted) throw signal.reason;
      const first = this.#arrived.shift();
      if (first !== undefined) return first;
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          this.#wake = null;
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  channelBinding(): string {
    return '';
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#hangUp();
  }

  /** Half-open: each side learns of it in its own time, perhaps only by its timeouts. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    const { scheduler, random } = this.#world;
    this.#process.after(random.spread(1, 90_000), () => {
      this.#take({ kind: 'closed', code: ABNORMAL, detail: 'connection lost' });
    });
    scheduler.after(random.spread(1, 90_000), () => this.#listener?.onClosed());
  }

  #hangUp(): void {
    const delayMs = Math.max(0, this.#upMs - this.#now()) + this.#world.network.delayMs();
    this.#world.scheduler.after(delayMs, () => this.#listener?.onClosed());
  }

  #down(arrived: Arrived, point: string | null): void {
    if (point !== null) this.#world.point(`${point}:sent`);
    this.#downMs = Math.max(this.#downMs, this.#now()) + this.#world.network.delayMs();
    const deliver = () => {
      this.#isLostDown ||= this.#world.network.cut === 'down';
      if (this.#isCut || this.#isClosed || this.#isLostDown) return;
      if (point === null || this.#process.pointNow(`${point}:received`)) this.#take(arrived);
    };
    if (this.#joint === null) this.#process.after(this.#downMs - this.#now(), deliver);
    else this.#joint.push(deliver);
  }

  /** What is sent in `work` arrives in one turn. */
  #together(work: () => void): void {
    const joint: (() => void)[] = [];
    this.#joint = joint;
    work();
    this.#joint = null;
    if (joint.length === 0) return;
    this.#process.after(this.#downMs - this.#now(), () => {
      for (const deliver of joint) deliver();
    });
  }

  #take(arrived: Arrived): void {
    this.#arrived.push(arrived);
    this.#wake?.();
  }

  #now(): number {
    return this.#world.scheduler.nowMs;
  }
}
