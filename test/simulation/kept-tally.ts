/* A long run in parts: what the parts before have met, in a file that each slice brings up to date. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { COUNTED, Tally } from './tally.ts';
import { Met } from './variation.ts';

export interface Kept {
  readonly tally: Tally;
  readonly met: Met;
  lives: number;
  failed: number;
  steps: number;
}

/** Nothing yet, where there is no such file. */
export function readKept(path: string | null): Kept {
  const kept: Kept = { tally: new Tally(), met: new Met(), lives: 0, failed: 0, steps: 0 };
  if (path === null || !existsSync(path)) return kept;
  const saved = JSON.parse(readFileSync(path, 'utf8'));
  const counts = COUNTED.map((name) => [name, new Map(saved.counts[name])] as const);
  kept.tally.add(Object.fromEntries(counts) as unknown as Tally);
  for (const [name, bases] of saved.met) for (const base of bases) kept.met.add(base, [name]);
  for (const [base, count] of saved.varied ?? []) kept.met.setVaried(base, count);
  return Object.assign(kept, { lives: saved.lives, failed: saved.failed, steps: saved.steps });
}

export function writeKept(path: string, kept: Kept): void {
  const { tally, met, lives, failed, steps } = kept;
  const counts = Object.fromEntries(COUNTED.map((name) => [name, [...tally[name]]]));
  const known = { met: met.bases(), varied: met.varied() };
  const text = JSON.stringify({ lives, failed, steps, counts, ...known });
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
