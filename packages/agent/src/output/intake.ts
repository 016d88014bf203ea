/*
 * Where all output comes in, whoever makes it: durable before anybody is told that it is taken. What is given while a
 * commit is under way goes into the next one together, so that many small records cost one fsync; a commit is bounded,
 * and the loop turns between two of them.
 */
import type { OutputItem } from '@moult/protocol';
import { nextTurn } from '@moult/runtime/clock';
import { isDiskTrouble, type Outbox } from '../database/index.ts';

/** One piece of output. */
export interface NewRecord {
  /** stdout, stderr, result, or a name that a program of the host gave. */
  readonly stream: string;
  /** Both empty: handed in by a program of the host. */
  readonly task: string;
  readonly run: string;
  readonly atMs: number;
  readonly content: Uint8Array;
}

export interface OutputIntake {
  /**
   * Resolves once it is on the disk, together with all that was given before it; whoever awaits each before the next is
   * slowed down to what the disk takes. Records of one caller keep their order. Rejects where the disk does not take it.
   */
  add(record: NewRecord): Promise<void>;
}

/** Some milliseconds of SQLite's time: heartbeats and pings wait no longer. */
const GROUP_ITEMS_MAX = 500;
const GROUP_BYTES_MAX = 262_144;

export interface GroupIntakeOptions {
  readonly outbox: Outbox;
  /** There is something new to deliver. */
  readonly onTaken: () => void;
  /** What failed was not the disk. */
  readonly onDefect: (error: unknown) => void;
}

interface Waiting {
  readonly item: OutputItem;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class GroupIntake implements OutputIntake {
  readonly #options: GroupIntakeOptions;
  #waiting: Waiting[] = [];
  #work: Promise<void> | null = null;
  #isStopped = false;

  constructor(options: GroupIntakeOptions) {
    this.#options = options;
  }

  add(record: NewRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) {
        reject(new Error('the agent ends'));
        return;
      }
      this.#waiting.push({ item: { item: 'record', record }, resolve, reject });
      this.#work ??= this.#commitAll();
    });
  }

  /** Takes nothing any more; resolves when all that was given is on the disk, or refused by it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
  }

  async #commitAll(): Promise<void> {
    do {
      await nextTurn();
      this.#commit(this.#nextGroup());
    } while (this.#waiting.length > 0);
    this.#work = null;
  }

  #nextGroup(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      bytes += item.item === 'record' ? item.record.content.length : 0;
      if (count === GROUP_ITEMS_MAX || (count > 0 && bytes > GROUP_BYTES_MAX)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** Q1: all of a group, or none of it. */
  #commit(group: readonly Waiting[]): void {
    try {
      this.#options.outbox.appendAll(group.map(({ item }) => item));
    } catch (error) {
      for (const { reject } of group) reject(error);
      if (!isDiskTrouble(error)) this.#options.onDefect(error);
      return;
    }
    for (const { resolve } of group) resolve();
    this.#options.onTaken();
  }
}
