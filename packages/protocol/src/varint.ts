/** Tags and lengths here fit 28 bits: four bytes at most. */
const VARINT_BYTES_MAX = 4;

/** The number that begins at `start`, and where the next byte stands; null: none, or a longer one. */
export function varintAt(
  bytes: Uint8Array,
  start: number,
): { readonly value: number; readonly end: number } | null {
  let value = 0;
  for (let index = 0; index < VARINT_BYTES_MAX; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) return null;
    value |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return { value, end: start + index + 1 };
  }
  return null;
}
