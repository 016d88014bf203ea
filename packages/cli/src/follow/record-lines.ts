/*
 * Records of output as lines for people. A record of a task is what its program wrote at one time, and need not end where
 * a line does: what is begun is kept until its rest comes, one for each stream of each run, and within limits. What
 * another program handed in is a record by itself.
 */
import { formatBytes, formatTime } from '../terminal/format.ts';
import { printable, printableText } from '../terminal/printable.ts';

export interface PrintedRecord {
  readonly atMs: number;
  /** Both empty: handed in by a program of the host. */
  readonly task: string;
  readonly run: string;
  readonly stream: string;
  readonly content: Uint8Array;
}

interface Begun {
  readonly record: PrintedRecord;
  readonly content: Buffer;
}

/** A line that is longer is shown in pieces. */
const BEGUN_BYTES_MAX = 64 * 1024;
/** Streams whose lines are begun; beyond it all are shown as they are. */
const BEGUN_MAX = 256;
const NEWLINE = 10;

export class RecordLines {
  readonly #begun = new Map<string, Begun>();

  /** The lines that this record ends. */
  take(record: PrintedRecord): readonly string[] {
    if (record.run === '') return linesOf(record, withoutNewline(record.content));
    const key = `${record.run}\n${record.task}\n${record.stream}`;
    const before = this.#begun.get(key);
    this.#begun.delete(key);
    const first = before?.record ?? record;
    const content = Buffer.concat([before?.content ?? Buffer.alloc(0), record.content]);
    const end = content.lastIndexOf(NEWLINE) + 1;
    const rest = content.subarray(end);
    const lines = end === 0 ? [] : linesOf(first, content.subarray(0, end - 1));
    if (rest.length > BEGUN_BYTES_MAX) return [...lines, ...linesOf(record, rest)];
    if (rest.length > 0) {
      this.#begun.set(key, { record: end === 0 ? first : record, content: rest });
    }
    return this.#begun.size > BEGUN_MAX ? [...lines, ...this.rest()] : lines;
  }

  /** What is begun, as it is: nothing more comes soon. */
  rest(): readonly string[] {
    const lines = [...this.#begun.values()].flatMap(({ record, content }) =>
      linesOf(record, content),
    );
    this.#begun.clear();
    return lines;
  }
}

function withoutNewline(content: Uint8Array): Buffer {
  const end = content.at(-1) === NEWLINE ? content.length - 1 : content.length;
  return Buffer.from(content.subarray(0, end));
}

/** `2026-11-26 03:00:01 backup stdout | 12 tables copied`. */
function linesOf(record: PrintedRecord, content: Buffer): readonly string[] {
  const from = record.task === '' ? record.stream : `${record.task} ${record.stream}`;
  const prefix = `${formatTime(record.atMs)} ${printable(from)} | `;
  if (content.includes(0)) {
    return [`${prefix}[${formatBytes(content.length)} that are no text: --raw gives them]`];
  }
  return printableText(content.toString('utf8'))
    .split('\n')
    .map((line) => `${prefix}${line}`);
}
