/* Runs lives and says how they went. */
import { liveFleet } from './fleet/fleet-life.ts';
import { type LifeResult, live } from './life.ts';
import { liveRollouts } from './rollouts/rollout-life.ts';
import { Tally } from './tally.ts';
import { whyUnreachable } from './unreachable.ts';
import { namesIn } from './variation.ts';

/** Of five lives of all kinds the fifth, and the fourth. */
const EVERY = 5;

export const LIVES = ['all', 'host', 'fleet', 'rollouts'] as const;

export type LivesOf = (typeof LIVES)[number];

export interface Run {
  readonly failures: readonly LifeResult[];
  readonly tally: Tally;
  readonly steps: number;
  readonly lives: number;
  /** What each life met: its seed, and names. */
  readonly met: readonly (readonly [seed: number, names: readonly string[]])[];
}

export async function runSeeds(options: {
  readonly seeds: readonly number[];
  /** Stops after so many failing seeds. */
  readonly failuresMax: number;
  /** Lives of one host, of a fleet, of rollouts, or all. */
  readonly lives: LivesOf;
  readonly say: (line: string) => void;
}): Promise<Run> {
  const { seeds, failuresMax, lives: of, say } = options;
  const sum = new Tally();
  const failures: LifeResult[] = [];
  const met: [number, readonly string[]][] = [];
  let steps = 0;
  for (const seed of seeds) {
    if (failures.length >= failuresMax) break;
    const tally = new Tally();
    const result = await lifeOf(of, seed)(seed, { tally });
    sum.add(tally);
    met.push([seed, namesIn(tally)]);
    steps += result.steps;
    if (result.violation === null) continue;
    failures.push(result);
    for (const line of storyOf(result, of)) say(line);
  }
  return { failures, tally: sum, steps, lives: met.length, met };
}

/** Seeds in a row. */
export function seedsFrom(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

/** Of all: of five seeds one is the life of a fleet, one of rollouts, the others are lives of one host, where more goes wrong at once. */
function lifeOf(of: LivesOf, seed: number): typeof live {
  if (of === 'fleet' || (of === 'all' && seed % EVERY === 0)) return liveFleet;
  return of === 'rollouts' || (of === 'all' && seed % EVERY === EVERY - 1) ? liveRollouts : live;
}

/** One life with everything that happened in it. */
export async function sayLife(
  of: LivesOf,
  seed: number,
  say: (line: string) => void,
): Promise<LifeResult> {
  const result = await lifeOf(of, seed)(seed, { tally: new Tally(), say });
  const { violation, steps, virtualMs } = result;
  say(`${steps} steps, ${(virtualMs / 3_600_000).toFixed(1)} virtual hours`);
  say(violation === null ? 'nothing was violated' : `${violation.invariant}: ${violation.message}`);
  return result;
}

export function storyOf(result: LifeResult, of: LivesOf): readonly string[] {
  const { seed, violation, events } = result;
  if (violation === null) return [];
  return [
    `seed ${seed}: ${violation.invariant}: ${violation.message}`,
    ...events.map((line) => `  ${line}`),
    `  again: npm run sim -- --seed ${seed}${of === 'all' ? '' : ` --lives ${of}`}`,
  ];
}

/** What was met, and by name what was met less than `least` times. */
export function reportOf(tally: Tally, least: number): readonly string[] {
  const cells = [...tally.cells];
  return [
    ...listed('ends', tally.outcomes),
    ...listed('faults', tally.faults),
    ...rare(
      'cells',
      cells.filter(([cell]) => whyUnreachable(cell) === null),
      least,
    ),
    ...cells
      .filter(([cell, count]) => whyUnreachable(cell) !== null && count > 0)
      .map(([cell, count]) => `   ${count} times, and thought unreachable: ${cell}`),
    `cells that no life can come to: ${cells.filter(([cell]) => whyUnreachable(cell) !== null).length}`,
    ...rare('points, times passed', [...tally.points], least),
    ...rare('points, crashes there', [...tally.crashes], least),
  ];
}

type Counts = readonly (readonly [name: string, count: number])[];

function listed(title: string, counts: ReadonlyMap<string, number>): readonly string[] {
  return [title, ...[...counts].sort().map(([name, count]) => line(name, count))];
}

function rare(title: string, counts: Counts, least: number): readonly string[] {
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  const few = counts.filter(([, count]) => count < least).sort(([, a], [, b]) => a - b);
  return [
    `${title}: ${counts.length - few.length} of ${counts.length} at least ${least} times, ${total} times in all`,
    ...few.map(([name, count]) => line(name, count)),
  ];
}

function line(name: string, count: number): string {
  return `  ${String(count).padStart(7)}  ${name}`;
}
