/*
 * The pipe between a launcher and its agent: lines, in order, a moment later. What was written before an end dies
 * with its reader only: an ended agent's last words still reach the launcher.
 */
import type { AgentPipeMessage, LauncherPipeMessage } from '@moult/core/boot';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

interface Ends {
  readonly agent: SimProcess;
  readonly launcher: SimProcess;
}

export class SimPipe {
  readonly #world: World;
  readonly #ends: Ends;
  #onLine: (line: string) => void;
  #toAgent: ((message: LauncherPipeMessage) => void) | null = null;
  #onClosed: (() => void) | null = null;
  /** Came before anybody listened. */
  #kept: LauncherPipeMessage[] = [];
  #isClosed = false;
  #upMs = 0;
  #downMs = 0;

  constructor(world: World, ends: Ends, onLine: (line: string) => void) {
    this.#world = world;
    this.#ends = ends;
    this.#onLine = onLine;
    ends.launcher.atEnd(() => this.#closeSoon());
  }

  /** When everything that was said upwards so far has been delivered. */
  get deliveredMs(): number {
    return this.#upMs;
  }

  post(message: AgentPipeMessage): void {
    const { agent, launcher } = this.#ends;
    if (!agent.pointNow(`pipe:${message.kind}:sent`) || this.#isClosed) return;
    const line = JSON.stringify(message);
    this.#upMs = Math.max(this.#upMs, this.#now()) + this.#delayMs();
    this.#world.scheduler.after(this.#upMs - this.#now(), () => {
      if (!launcher.pointNow(`pipe:${message.kind}:received`)) return;
      if (message.kind !== 'heartbeat') this.#world.trace('pipe up', message);
      this.#onLine(line);
    });
  }

  send(message: LauncherPipeMessage): void {
    const { agent, launcher } = this.#ends;
    if (!launcher.pointNow(`pipe:${message.kind}:sent`) || this.#isClosed) return;
    this.#downMs = Math.max(this.#downMs, this.#now()) + this.#delayMs();
    this.#world.scheduler.after(this.#downMs - this.#now(), () => {
      if (!agent.pointNow(`pipe:${message.kind}:received`)) return;
      this.#world.trace('pipe down', briefly(message));
      if (this.#toAgent === null) this.#kept.push(message);
      else this.#toAgent(message);
    });
  }

  listen(listener: { onMessage(message: LauncherPipeMessage): void; onClosed(): void }): void {
    this.#toAgent = (message) => listener.onMessage(message);
    this.#onClosed = () => listener.onClosed();
    for (const message of this.#kept.splice(0)) listener.onMessage(message);
    if (this.#isClosed) listener.onClosed();
  }

  close(): void {
    this.#isClosed = true;
  }

  #closeSoon(): void {
    this.#ends.agent.after(this.#downMs - this.#now() + this.#delayMs(), () => {
      this.#isClosed = true;
      this.#onClosed?.();
    });
  }

  #now(): number {
    return this.#world.scheduler.nowMs;
  }

  #delayMs(): number {
    return this.#world.random.fraction() * 2;
  }
}

function briefly(message: LauncherPipeMessage): unknown {
  if (message.kind !== 'spawned') return message;
  return {
    kind: message.kind,
    slot: message.slot.version,
    trials: [message.components.agent.trialAttemptId, message.components.launcher.trialAttemptId],
  };
}
