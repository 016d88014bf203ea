import { randomBytes, randomInt } from 'node:crypto';

/** The door to chance. Simulations give a seeded one. */
export interface Random {
  /** In [0, 1). */
  fraction(): number;
  bytes(count: number): Uint8Array;
}

const FRACTION_STEPS = 2 ** 32;

export const systemRandom: Random = {
  fraction: () => randomInt(FRACTION_STEPS) / FRACTION_STEPS,
  bytes: (count) => randomBytes(count),
};

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A sortable id: 48 bits of time in ms, 80 random bits, in Crockford's base 32 (26 characters, the layout of ULID).
 */
export function newId(nowMs: number, random: Random): string {
  let text = '';
  let time = nowMs;
  for (let index = 0; index < 10; index++) {
    text = (CROCKFORD[time % 32] ?? '0') + text;
    time = Math.floor(time / 32);
  }
  for (const byte of random.bytes(16)) text += CROCKFORD[byte % 32] ?? '0';
  return text;
}
