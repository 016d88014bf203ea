/* Releases of light agents: what each of them does to whom. Nothing is fetched or started; only the frames are real. */
import type { SeededRandom } from '../seeded-random.ts';

/** What a release does to an agent for which it is bad. */
export const TROUBLES = [
  /** Fails before the switch. */
  'preflight-fails',
  'fetch-fails',
  /** After it: rolled back by the host. */
  'never-comes-up',
  'unwell',
  /** Its digest is not the release's: the coordinator rejects it. */
  'another-digest',
  /** After the switch nothing is heard of the host until the world is mended. */
  'vanishes',
] as const;

export type Trouble = (typeof TROUBLES)[number];

export interface LightRelease {
  readonly version: string;
  readonly digest: string;
  readonly probationMs: number;
  /** Null: it is good for that agent. */
  troubleOf(agent: number): Trouble | null;
}

export function drawRelease(
  random: SeededRandom,
  of: { readonly version: string; readonly isGood: boolean },
): LightRelease {
  const trouble = random.pick(TROUBLES);
  // Bad for a few, for half, for all.
  const share = of.isGood ? 0 : Number(random.weighted({ 0.1: 3, 0.5: 2, 1: 2 }));
  const salt = random.between(1, 1_000_000);
  return {
    version: of.version,
    digest: random.hex(64),
    probationMs: random.pick([1_000, 5_000, 60_000]),
    troubleOf: (agent) => (scatter(agent + salt) < share ? trouble : null),
  };
}

/** In [0, 1): the same for the same number. */
function scatter(number: number): number {
  const mixed = Math.imul(number ^ (number >>> 15), 0x2c1b3c6d);
  return ((mixed ^ (mixed >>> 12)) >>> 0) / 2 ** 32;
}
