/* What happened last in a simulated life, and the first violation of it: what comes after one says nothing. */
import type { Scheduler } from './scheduler.ts';

export interface Violation {
  readonly invariant: string;
  readonly message: string;
}

export interface LifeLogOptions {
  readonly scheduler: Scheduler;
  /** So many of the newest lines are kept. */
  readonly linesKept: number;
  /** Null: nobody listens. */
  readonly say: ((line: string) => void) | null;
}

const DETAIL_CHARS_MAX = 600;

export class LifeLog {
  readonly #options: LifeLogOptions;
  readonly #lines: string[] = [];
  #violation: Violation | null = null;

  constructor(options: LifeLogOptions) {
    this.#options = options;
  }

  get violation(): Violation | null {
    return this.#violation;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  get isHeard(): boolean {
    return this.#options.say !== null;
  }

  fail(invariant: string, message: string): void {
    if (this.#violation !== null) return;
    this.trace(`VIOLATION ${invariant}`, message);
    this.#violation = { invariant, message };
  }

  trace(what: string, detail?: unknown): void {
    const { scheduler, linesKept, say } = this.#options;
    const time = (scheduler.nowMs / 1_000).toFixed(3).padStart(10);
    const line = detail === undefined ? `${time} ${what}` : `${time} ${what} ${briefly(detail)}`;
    this.#lines.push(line);
    if (this.#lines.length > linesKept) this.#lines.shift();
    say?.(line);
  }
}

function briefly(detail: unknown): string {
  const text = typeof detail === 'string' ? detail : JSON.stringify(detail);
  return text === undefined ? '' : text.slice(0, DETAIL_CHARS_MAX);
}
