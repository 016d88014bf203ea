/*
 * How many messages an output frame holds, before any of them is decoded: an empty one takes two bytes on the wire and
 * hundreds in memory, so that one frame of a megabyte would stop the loop for half a second. Only fields that repeat
 * are looked into.
 */
import { OUTPUT_ITEMS_MAX } from './limits.ts';
import { varintAt } from './varint.ts';

export const TOO_MANY: string = `more than ${OUTPUT_ITEMS_MAX} items, steps, lines and samples`;

/** Fields of a message that are counted or lead to such, by number. */
interface Shape {
  readonly [field: number]: Shape | null;
}

/** Counted and not looked into. */
const LEAF = null;
/** Evidence: log lines and samples. */
const EVIDENCE: Shape = { 5: LEAF, 6: LEAF };
/** Finish: evidence and steps. */
const FINISH: Shape = { 7: EVIDENCE, 10: LEAF };
/** Output: items, each of them a finish or a leaf. */
const OUTPUT: Shape = { 3: { 1: FINISH } };
/** The envelope: its output. */
const FRAME: Shape = { 8: OUTPUT };

/** False also for what cannot be walked through: it could hide how many there are. */
export function isFewMessages(frame: Uint8Array): boolean {
  const left = 2 * OUTPUT_ITEMS_MAX;
  return leftAfter(frame, { from: 0, to: frame.length, shape: FRAME, left }) > 0;
}

interface Part {
  readonly from: number;
  readonly to: number;
  readonly shape: Shape;
  readonly left: number;
}

function leftAfter(bytes: Uint8Array, part: Part): number {
  let { left } = part;
  for (let at = part.from; at < part.to && left > 0; ) {
    const tag = varintAt(bytes, at);
    const field = tag === null ? null : fieldAt(bytes, tag);
    if (tag === null || field === null || field.to > part.to) return 0;
    const shape = part.shape[tag.value >>> 3];
    if (shape !== undefined) left -= 1;
    if (shape != null) left = leftAfter(bytes, { ...field, shape, left });
    at = field.to;
  }
  return left;
}

const VARINT = 0;
const FIXED_64 = 1;
const WITH_LENGTH = 2;
const FIXED_32 = 5;

/** Where a field's content begins and ends; null: not one of the kinds in use. */
function fieldAt(
  bytes: Uint8Array,
  tag: { readonly value: number; readonly end: number },
): { readonly from: number; readonly to: number } | null {
  const from = tag.end;
  switch (tag.value & 7) {
    case VARINT: {
      let to = from;
      while ((bytes[to] ?? 0) >= 0x80) to += 1;
      return { from, to: to + 1 };
    }
    case FIXED_64:
      return { from, to: from + 8 };
    case FIXED_32:
      return { from, to: from + 4 };
    case WITH_LENGTH: {
      const length = varintAt(bytes, from);
      return length === null ? null : { from: length.end, to: length.end + length.value };
    }
    default:
      return null;
  }
}
