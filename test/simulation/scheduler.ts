/*
 * Virtual time. One thing happens at a time; between two of them every promise that can go on has gone on. What is
 * due at the same moment happens in an order that the seed decides. Nothing here waits for a real clock.
 */
import type { SeededRandom } from './seeded-random.ts';

export interface Task {
  cancel(): void;
}

interface Entry {
  readonly atMs: number;
  readonly tie: number;
  run: (() => void) | null;
}

export class Scheduler {
  readonly #random: SeededRandom;
  readonly #heap: Entry[] = [];
  #nowMs = 0;
  #steps = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Ms since the beginning; never goes back. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get steps(): number {
    return this.#steps;
  }

  after(delayMs: number, run: () => void): Task {
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const entry: Entry = { atMs, tie: this.#random.fraction(), run };
    this.#push(entry);
    return {
      cancel: () => {
        entry.run = null;
      },
    };
  }

  /** Time passes in which nothing runs: what was due meanwhile is late. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  /** False: nothing is due any more. */
  async step(): Promise<boolean> {
    for (;;) {
      const entry = this.#pop();
      if (entry === null) return false;
      if (entry.run === null) continue;
      this.#nowMs = Math.max(this.#nowMs, entry.atMs);
      this.#steps += 1;
      entry.run();
      // A turn of the event loop: all promises that can go on have gone on by then.
      await new Promise((resolve) => setImmediate(resolve));
      return true;
    }
  }

  clear(): void {
    this.#heap.length = 0;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
  }

  #pop(): Entry | null {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length === 0) return first;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const leftEntry = heap[left];
      if (leftEntry === undefined) break;
      const rightEntry = heap[left + 1];
      const isRight = rightEntry !== undefined && isBefore(rightEntry, leftEntry);
      const child = isRight ? rightEntry : leftEntry;
      if (isBefore(last, child)) break;
      heap[index] = child;
      index = isRight ? left + 1 : left;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs === b.atMs ? a.tie < b.tie : a.atMs < b.atMs;
}
