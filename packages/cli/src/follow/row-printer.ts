/* Rows of output on their way to whoever reads: lines with time and stream, bytes, or JSON. */
import type { OutputRow } from '@moult/api';
import { formatBytes, formatTime } from '../terminal/format.ts';
import type { Output } from '../terminal/output.ts';
import { printable } from '../terminal/printable.ts';
import { RecordLines } from './record-lines.ts';

export class RowPrinter {
  readonly #output: Output;
  readonly #isRaw: boolean;
  readonly #lines = new RecordLines();

  constructor(options: { readonly output: Output; readonly isRaw: boolean }) {
    this.#output = options.output;
    this.#isRaw = options.isRaw;
  }

  print(row: OutputRow): void {
    if (this.#output.isJson) this.#output.jsonLine(row);
    else if (row.kind === 'gap') this.#gap(row);
    else if (this.#isRaw) this.#output.written('out', contentOf(row));
    else this.#output.lines(this.#lines.take({ ...row, content: contentOf(row) }));
  }

  /** What has begun and does not go on for now. */
  rest(): void {
    this.#output.lines(this.#lines.rest());
  }

  /** It may not stand among bytes of programs. */
  #gap(row: OutputRow & { readonly kind: 'gap' }): void {
    this.rest();
    const line = `${formatTime(row.atMs)} ${gapText(row.gap)}`;
    if (this.#isRaw) this.#output.notice(line);
    else this.#output.lines([line]);
  }
}

type Gap = (OutputRow & { readonly kind: 'gap' })['gap'];

/** `[gap: 120 records, 14 KiB: the outbox was full]`. */
export function gapText({ reason, items, bytes }: Gap): string {
  const size = bytes === 0 ? '' : `, ${formatBytes(bytes)}`;
  const why = Object.hasOwn(GAP_TEXTS, reason) ? GAP_TEXTS[reason] : printable(reason);
  const many =
    items === 0 ? 'nobody knows how much' : `${items} ${items === 1 ? 'record' : 'records'}`;
  return `[gap: ${many}${size}: ${why}]`;
}

const GAP_TEXTS: Readonly<Record<string, string>> = {
  'outbox-full': 'the outbox was full',
  'outbox-age': 'too old to be kept on the host any longer',
  'agent-database-lost': 'the database of the agent could not be read and was begun anew',
  'agent-database-restored': 'the database of the agent was put back to what it was before',
  'not-forwarded': 'the coordinator had no room for it any longer, and had not handed it on yet',
  missing: 'the host left it out without a word',
  'coordinator-restored': 'the coordinator was restored from a backup that does not have it',
};

export function contentOf(row: OutputRow & { readonly kind: 'record' }): Uint8Array {
  return Buffer.from(row.content, 'base64');
}
