/* Items of the outbox as text: a frozen contract between versions. Content is base64. */
import type { OutputItem } from '@moult/protocol';

type OutputRecord = Extract<OutputItem, { readonly item: 'record' }>['record'];

/** How much output: the content of records, the text of everything else. */
export interface Amount {
  readonly items: number;
  readonly bytes: number;
}

export const NOTHING: Amount = { items: 0, bytes: 0 };

export function sum(a: Amount, b: Amount): Amount {
  return { items: a.items + b.items, bytes: a.bytes + b.bytes };
}

export function difference(a: Amount, b: Amount): Amount {
  return { items: a.items - b.items, bytes: a.bytes - b.bytes };
}

export function encodeItem(item: OutputItem): string {
  return item.item === 'record' ? encodeRecord(item.record) : JSON.stringify(item);
}

/** Written out by hand: records come by the thousand. */
function encodeRecord({ stream, task, run, atMs, content }: OutputRecord): string {
  const { buffer, byteOffset, byteLength } = content;
  const base64 = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  const names = `"stream":${JSON.stringify(stream)},"task":${JSON.stringify(task)},"run":${JSON.stringify(run)}`;
  return `{"item":"record","record":{${names},"atMs":${atMs},"content":"${base64}"}}`;
}

export function decodeItem(text: string): OutputItem {
  const item = JSON.parse(text) as OutputItem;
  if (item.item !== 'record') return item;
  const { stream, atMs, content, task, run } = item.record;
  return {
    item: 'record',
    record: { stream, atMs, content: Buffer.from(String(content), 'base64'), task, run },
  };
}

/** On the wire; a frame with too many of them is refused whole. */
export function messagesIn(item: OutputItem): number {
  if (item.item !== 'finish') return 1;
  const { steps, evidence } = item.finish;
  const inEvidence = evidence === null ? 0 : evidence.logLines.length + evidence.samples.length;
  return 3 + steps.length + inEvidence;
}
