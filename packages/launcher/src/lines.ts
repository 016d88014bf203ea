import type { Readable } from 'node:stream';

export interface LineLimits {
  readonly bytesMax: number;
  /** What becomes of a longer line: its beginning is delivered, or nothing of it. */
  readonly overlong: 'cut' | 'drop';
}

const NEWLINE = 10;

/**
 * Delivers each line, without its newline, as UTF-8 (bad bytes replaced); the last one also without a newline. No stream:
 * Node gives a child none, against its types, when there was no handle left to start it.
 */
export function readLines(
  stream: Readable | undefined,
  limits: LineLimits,
  onLine: (line: string) => void,
): void {
  if (stream === undefined) return;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (bytes: Buffer) => {
    // What is over the limit is counted and not kept, so that an endless line costs no memory.
    if (length < limits.bytesMax) parts.push(bytes.subarray(0, limits.bytesMax - length));
    length += bytes.length;
  };
  const deliver = () => {
    const isOverlong = length > limits.bytesMax;
    const line = Buffer.concat(parts).toString('utf8');
    parts = [];
    length = 0;
    if (!isOverlong || limits.overlong === 'cut') onLine(line);
  };
  stream.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, at));
      deliver();
      from = at + 1;
    }
    if (from < chunk.length) take(chunk.subarray(from));
  });
  stream.on('end', () => {
    if (length > 0) deliver();
  });
  stream.on('error', () => undefined);
}
