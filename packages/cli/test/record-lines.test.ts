import { describe, expect, it } from 'vitest';
import { type PrintedRecord, RecordLines } from '../src/follow/record-lines.ts';

const AT = '2023-11-14 22:13:20';

function record(content: string | Uint8Array, of: Partial<PrintedRecord> = {}): PrintedRecord {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return {
    atMs: 1_700_000_000_000,
    task: 'backup',
    run: '01kq3v8m6t5n9y2x/1',
    stream: 'stdout',
    content: bytes,
    ...of,
  };
}

describe('records as lines', () => {
  it('have their time, task and stream before each line', () => {
    const lines = new RecordLines();
    expect(lines.take(record('one\ntwo\n'))).toEqual([
      `${AT} backup stdout | one`,
      `${AT} backup stdout | two`,
    ]);
    expect(lines.rest()).toEqual([]);
  });

  it('that programs hand in are whole by themselves, also without the end of a line', () => {
    const lines = new RecordLines();
    const handedIn = (text: string) =>
      lines.take(record(text, { task: '', run: '', stream: 'orders' }));
    expect(handedIn('4711 shipped')).toEqual([`${AT} orders | 4711 shipped`]);
    expect(handedIn('4712 shipped\n')).toEqual([`${AT} orders | 4712 shipped`]);
    expect(handedIn('two\nlines')).toEqual([`${AT} orders | two`, `${AT} orders | lines`]);
    expect(lines.rest()).toEqual([]);
  });

  it('put a line together that came in pieces, also through the middle of a letter', () => {
    const lines = new RecordLines();
    const grin = Buffer.from('a 🙂 b\n');
    expect(lines.take(record(grin.subarray(0, 4)))).toEqual([]);
    expect(lines.take(record('x\n', { stream: 'stderr' }))).toEqual([`${AT} backup stderr | x`]);
    expect(lines.take(record(grin.subarray(4), { atMs: 1_700_000_009_000 }))).toEqual([
      `${AT} backup stdout | a 🙂 b`,
    ]);
  });

  it('show what is only begun when nothing more comes', () => {
    const lines = new RecordLines();
    expect(lines.take(record('done\n50 %'))).toEqual([`${AT} backup stdout | done`]);
    expect(lines.rest()).toEqual([`${AT} backup stdout | 50 %`]);
    expect(lines.rest()).toEqual([]);
  });

  it('show a line that never ends in pieces', () => {
    const lines = new RecordLines();
    expect(lines.take(record('x'.repeat(70_000)))).toHaveLength(1);
    expect(lines.rest()).toEqual([]);
  });

  it('say of bytes that are no text how many they are, and hand on nothing that a terminal obeys', () => {
    const lines = new RecordLines();
    expect(lines.take(record(Buffer.from([1, 0, 2, 10])))).toEqual([
      `${AT} backup stdout | [3 B that are no text: --raw gives them]`,
    ]);
    expect(lines.take(record('\u001b[2J\u001b]0;owned\u0007ok\n', { stream: 'a\nb' }))).toEqual([
      `${AT} backup a b | ok`,
    ]);
  });
});
