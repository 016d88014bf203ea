/*
 * A life over again with the same orders and the same faults, and all other chance another: how long things take, and
 * what comes first. What hardly any life comes to is met again in variations of those that did.
 */
import type { Tally } from './tally.ts';
import { whyUnreachable } from './unreachable.ts';

/** Seeds from here on are variations: 2_000_007 is the second one of 7. */
export const VARIATION = 1_000_000;

/** The seed that orders and faults come from. */
export function baseOf(seed: number): number {
  return seed % VARIATION;
}

/** How many seeds are remembered for each thing that was met. */
const BASES_MAX = 200;
/** Variations before anybody looks whether they help: so many for each time that is missing. */
const PER_MISSING = 2;
const AT_A_TIME = { least: 20, most: 100 } as const;

/** Which lives came to what. */
export class Met {
  readonly #bases = new Map<string, Set<number>>();
  readonly #varied = new Map<number, number>();

  add(seed: number, names: Iterable<string>): void {
    for (const name of names) {
      const bases = this.#bases.get(name) ?? new Set();
      if (bases.size < BASES_MAX) bases.add(baseOf(seed));
      this.#bases.set(name, bases);
    }
  }

  bases(): readonly (readonly [name: string, seeds: readonly number[]])[] {
    return [...this.#bases].map(([name, seeds]) => [name, [...seeds]]);
  }

  /** How many variations of each were lived: the same one twice would count what it met twice. */
  varied(): readonly (readonly [base: number, count: number])[] {
    return [...this.#varied];
  }

  setVaried(base: number, count: number): void {
    this.#varied.set(base, count);
  }

  /** Lives that may meet what was met less than `least` times; none where nobody knows how. */
  variationsFor(scarce: Iterable<readonly [name: string, missing: number]>): readonly number[] {
    const seeds: number[] = [];
    for (const [name, missing] of scarce) {
      const bases = [...(this.#bases.get(name) ?? [])];
      const wanted = Math.max(AT_A_TIME.least, Math.min(missing * PER_MISSING, AT_A_TIME.most));
      const count = bases.length === 0 ? 0 : wanted;
      for (let index = 0; index < count; index++) {
        const base = bases[index % bases.length] ?? 0;
        const nth = (this.#varied.get(base) ?? 0) + 1;
        this.#varied.set(base, nth);
        seeds.push(base + nth * VARIATION);
      }
    }
    return seeds;
  }
}

/** What a life can come to and was met less than `least` times, and how often that is missing. */
export function scarceIn(tally: Tally, least: number): ReadonlyMap<string, number> {
  const scarce = new Map<string, number>();
  for (const [cell, count] of tally.cells) {
    if (count < least && whyUnreachable(cell) === null) scarce.set(cell, least - count);
  }
  for (const [point, count] of tally.crashes) {
    if (count < least) scarce.set(crashAt(point), least - count);
  }
  return scarce;
}

/** Names of all that a life met, as `scarceIn` gives them. */
export function namesIn(tally: Tally): readonly string[] {
  const of = (counts: ReadonlyMap<string, number>) =>
    [...counts].filter(([, count]) => count > 0).map(([name]) => name);
  return [...of(tally.cells), ...of(tally.crashes).map(crashAt)];
}

function crashAt(point: string): string {
  return `crash: ${point}`;
}
