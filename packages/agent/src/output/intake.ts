/*
 * Where all output comes in, whoever makes it: durable before anybody is told that it is taken. What is given while a
 * commit is under way goes into the next one together, so that many small records cost one fsync; a commit is bounded,
 * and the loop turns between two of them.
 */
import { CodedError } from '@moult/core/errors';
import type { OutputItem } from '@moult/protocol';
import { nextTurn } from '@moult/runtime/clock';
import { isDiskTrouble, type NumberedStreams, type Outbox } from '../database/index.ts';

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
const GROUP_ITEMS_MAX = 1_000;
const GROUP_BYTES_MAX = 262_144;

/** Of content: in base64 it still fits into a batch. Who hands in more cuts it into pieces. */
const RECORD_BYTES_MAX = 262_144;

/** For programs that number what they hand in, so that they may hand it in again. */
export interface NumberedIntake extends OutputIntake {
  /**
   * As `add`. A number that is not above the last one of its stream is not taken again (Q10); resolves with that last one
   * then, else with null.
   */
  addNumbered(record: NewRecord, number: number): Promise<number | null>;
}

/** Programs have a handful; each costs a row for ever. */
const NUMBERED_STREAMS_MAX = 1_000;

export interface GroupIntakeOptions {
  readonly outbox: Outbox;
  readonly streams: NumberedStreams;
  /** There is something new to deliver. */
  readonly onTaken: () => void;
  /** What failed was not the disk. */
  readonly onDefect: (error: unknown) => void;
}

interface Waiting {
  readonly record: NewRecord;
  /** Null: it has none. */
  readonly number: number | null;
  readonly resolve: (known: number | null) => void;
  readonly reject: (error: unknown) => void;
}

export class GroupIntake implements NumberedIntake {
  readonly #options: GroupIntakeOptions;
  /** Bounded by who gives: a stream of a run awaits each, and a program's lines are read so far ahead and no farther. */
  #waiting: Waiting[] = [];
  #work: Promise<void> | null = null;
  #isStopped = false;

  constructor(options: GroupIntakeOptions) {
    this.#options = options;
  }

  async add(record: NewRecord): Promise<void> {
    await this.#give(record, null);
  }

  addNumbered(record: NewRecord, number: number): Promise<number | null> {
    return this.#give(record, number);
  }

  #give(record: NewRecord, number: number | null): Promise<number | null> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) return reject(new Error('the agent ends'));
      if (record.content.length > RECORD_BYTES_MAX) {
        return reject(new RangeError(`a record of ${record.content.length} bytes`));
      }
      this.#waiting.push({ record, number, resolve, reject });
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
    for (const { record } of this.#waiting) {
      bytes += record.content.length;
      if (count === GROUP_ITEMS_MAX || (count > 0 && bytes > GROUP_BYTES_MAX)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** A disk that cannot be read now: the next acknowledgement or session looks again. */
  #tell(): void {
    try {
      this.#options.onTaken();
    } catch (error) {
      if (!isDiskTrouble(error)) this.#options.onDefect(error);
    }
  }

  /** Q1: all of a group, or none of it. */
  #commit(group: readonly Waiting[]): void {
    const { outbox, streams } = this.#options;
    const lasts = new Map<string, number>();
    let answers: readonly Answer[];
    try {
      answers = group.map((one) => answerTo(one, { lasts, streams }));
      const items = group
        .filter((_, index) => answers[index] === 'new')
        .map(({ record }): OutputItem => ({ item: 'record', record }));
      outbox.appendAll(items, () => {
        for (const [stream, last] of lasts) streams.note(stream, last);
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
      if (!isDiskTrouble(error)) this.#options.onDefect(error);
      return;
    }
    group.forEach(({ resolve, reject }, index) => {
      const answer = answers[index];
      if (answer instanceof CodedError) reject(answer);
      else resolve(typeof answer === 'number' ? answer : null);
    });
    this.#tell();
  }
}

/** A number: the last one of its stream, which is not below this one's. */
type Answer = 'new' | number | CodedError;

/** `lasts`: what the group has brought so far. */
function answerTo(
  { record, number }: Waiting,
  of: { readonly lasts: Map<string, number>; readonly streams: NumberedStreams },
): Answer {
  const { lasts, streams } = of;
  if (number === null) return 'new';
  const last = lasts.get(record.stream) ?? streams.last(record.stream);
  if (number <= last) return last;
  // Who makes up streams harms nobody but itself.
  const isNew = (stream: string) => streams.last(stream) === 0;
  const count = () => streams.count() + [...lasts.keys()].filter(isNew).length;
  if (last === 0 && count() >= NUMBERED_STREAMS_MAX) {
    return new CodedError('output-invalid', `more than ${NUMBERED_STREAMS_MAX} numbered streams`);
  }
  lasts.set(record.stream, number);
  return 'new';
}
