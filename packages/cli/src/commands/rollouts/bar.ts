/*
 * A wave as a bar: `[#####!>>-.....]`. Each kind of which there is one agent has a cell at least, so that one failure among
 * ten thousand is seen.
 */
import type { Rollout } from '@moult/api';
import { failuresIn, ON_THE_WAY } from '@moult/core/rollout';

type Counts = Rollout['counts'];

/** For the help: what the cells say. */
export const BAR_HELP =
  '\nBars: # done, ! failed or rolled back, > upgrading, < going back, - left out, . waiting';

export function barText(counts: Counts, width: number): string {
  const parts = [
    { cell: '#', count: counts.done },
    { cell: '!', count: failuresIn(counts) },
    { cell: '>', count: counts.upgrading },
    { cell: '<', count: counts['to-roll-back'] + counts['rolling-back'] },
    { cell: '-', count: counts.skipped + counts.parked + counts.stopped },
    { cell: '.', count: counts.waiting },
  ];
  const cells = cellsOf(
    parts.map(({ count }) => count),
    width,
  );
  const filled = parts.map(({ cell }, index) => cell.repeat(cells[index] ?? 0)).join('');
  return `[${filled.padEnd(width)}]`;
}

/** Cells in proportion, `width` in all; none where there is nothing to divide. */
function cellsOf(counts: readonly number[], width: number): readonly number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return counts.map(() => 0);
  const cells = counts.map((count) =>
    count === 0 ? 0 : Math.max(1, Math.floor((count / total) * width)),
  );
  // What rounding left over, or took too much, goes to or comes from the widest: there it is seen least.
  const sum = cells.reduce((all, one) => all + one, 0);
  const widest = cells.indexOf(Math.max(...cells));
  return cells.map((one, index) => (index === widest ? Math.max(0, one + width - sum) : one));
}

export function sizeOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Agents that are on the way no more. */
export function overIn(counts: Counts): number {
  let over = sizeOf(counts);
  for (const state of ON_THE_WAY) over -= counts[state];
  return over;
}

/** `3 done, 1 failed, 8 waiting`: those that there are. */
export function countsText(counts: Counts): string {
  const parts = ORDER.flatMap((state) =>
    counts[state] === 0 ? [] : [`${counts[state]} ${state.replaceAll('-', ' ')}`],
  );
  return parts.length === 0 ? 'nobody' : parts.join(', ');
}

const ORDER = [
  'done',
  'failed',
  'rolled-back',
  'upgrading',
  'rolling-back',
  'to-roll-back',
  'waiting',
  'parked',
  'skipped',
  'stopped',
] as const satisfies readonly (keyof Counts)[];
