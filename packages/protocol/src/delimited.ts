/* Several frames in one body: each behind its length as a varint, as protobuf's own libraries write them. Frozen. */
import { FRAME_BYTES_MAX, HTTPS_BODY_FRAMES_MAX } from './limits.ts';
import { varintAt } from './varint.ts';

export function joinFrames(frames: readonly Uint8Array[]): Uint8Array {
  const parts = frames.map((frame) => ({ length: varintOf(frame.length), frame }));
  const size = parts.reduce((sum, { length, frame }) => sum + length.length + frame.length, 0);
  const body = new Uint8Array(size);
  let end = 0;
  for (const { length, frame } of parts) {
    body.set(length, end);
    body.set(frame, end + length.length);
    end += length.length + frame.length;
  }
  return body;
}

/** Views into the body. Null: it cannot be cut into frames, or there are more of them, or larger ones, than may be. */
export function splitFrames(body: Uint8Array): readonly Uint8Array[] | null {
  const frames: Uint8Array[] = [];
  for (let start = 0; start < body.length; ) {
    const length = varintAt(body, start);
    if (length === null || length.value > FRAME_BYTES_MAX) return null;
    const end = length.end + length.value;
    if (end > body.length || frames.length === HTTPS_BODY_FRAMES_MAX) return null;
    frames.push(body.subarray(length.end, end));
    start = end;
  }
  return frames;
}

function varintOf(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}
