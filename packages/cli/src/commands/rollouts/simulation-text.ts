/*
 * A simulation in words, and as a picture of what stays in service: a line for each group over the time of the rollout, the
 * fewest that serve in each cell.
 */
import type { RolloutSimulation } from '@moult/api';
import { formatDuration } from '../../terminal/format.ts';
import { agentsText, namesText } from '../../terminal/names.ts';
import { NAMES_SHOWN_MAX } from './plan-text.ts';

/** As wide as leaves room for names and figures on 100 columns. */
const CELLS = 48;
/** Beyond this nobody looks at each: those that keep least are shown. `-o json` has all. */
const GROUPS_SHOWN_MAX = 20;

export const PICTURE_HELP =
  '\nCells: # all of the group serve, + most of them, - half or fewer, ! nobody; digits are waves';

type Service = RolloutSimulation['service'][number];

export function simulationLines(simulation: RolloutSimulation): readonly string[] {
  const { component, version, upgrades, away } = simulation;
  const what = `${component} ${version}`;
  if (upgrades.length === 0)
    return [
      `${what}: nobody who is connected would be upgraded${othersText(simulation)}`,
      ...awayLines(away),
    ];
  return [
    `${what} for ${agentsText(upgrades.length)}: would be over ${formatDuration(simulation.endMs)} after its start${othersText(simulation)}`,
    supposedText(simulation),
    ...awayLines(away),
    '',
    ...pictureLines(simulation),
    '',
    ...orderLines(simulation),
  ];
}

function othersText({ alreadyThere, cannot }: RolloutSimulation): string {
  const there = alreadyThere === 0 ? '' : `; ${alreadyThere} there already`;
  return cannot === 0 ? there : `${there}; ${cannot} cannot`;
}

/** Nobody should take it for more than it is. */
function supposedText({ upgrade, approvals, resumes }: RolloutSimulation): string {
  const took = formatDuration(upgrade.ms);
  const time =
    upgrade.measured === 0
      ? `each upgrade takes ${took}, which is assumed: none was measured here yet`
      : `each upgrade takes ${took}, the median of the ${upgrade.measured} newest that ended well`;
  const people = [
    ...(approvals === 0 ? [] : [`${timesText(approvals)} somebody approves`]),
    ...(resumes === 0 ? [] : [`${timesText(resumes)} somebody resumes`]),
  ];
  const atOnce = people.length === 0 ? '' : `; ${people.join(' and ')}, at once`;
  return `supposed: ${time}; none fails${atOnce}`;
}

function timesText(times: number): string {
  return times === 1 ? 'once' : `${times} times`;
}

function awayLines(away: readonly string[]): readonly string[] {
  if (away.length === 0) return [];
  return [`away, and left out, ${agentsText(away.length)}: ${namesText(away, NAMES_SHOWN_MAX)}`];
}

function pictureLines(simulation: RolloutSimulation): readonly string[] {
  const { service, endMs } = simulation;
  // Those that keep the smallest part of what they have first.
  const sorted = [...service].sort((a, b) => partOf(a, a.least) - partOf(b, b.least));
  const shown = sorted.slice(0, GROUPS_SHOWN_MAX);
  const hidden = sorted.slice(GROUPS_SHOWN_MAX);
  const titles = shown.map(({ group, inService }) => `${group}, ${inService}`);
  const width = Math.max('in service'.length, ...titles.map((title) => title.length));
  const end = formatDuration(endMs);
  const line = (title: string, cells: string, rest: string) =>
    `${title.padEnd(width)}  ${cells}${rest === '' ? '' : `  ${rest}`}`;
  return [
    line('in service', ` 0${end.padStart(CELLS - 1)}`, ''),
    line('waves', `[${wavesCells(simulation)}]`, ''),
    ...shown.map((one, index) =>
      line(titles[index] ?? '', `[${serviceCells(one, endMs)}]`, leastText(one)),
    ),
    ...(hidden.length === 0
      ? []
      : [`and ${hidden.length} more groups, none with a smaller part away`]),
  ];
}

function leastText({ inService, least }: Service): string {
  return least >= inService ? 'all the time' : `never fewer than ${least}`;
}

function partOf({ inService }: Service, serving: number): number {
  return inService === 0 ? 1 : serving / inService;
}

/** The wave whose agents started last by then: 1 to 9, and then +. */
function wavesCells({ upgrades, endMs }: RolloutSimulation): string {
  return cellsOf(endMs, (_fromMs, toMs) => {
    const wave = Math.max(
      0,
      ...upgrades.filter((one) => one.startMs < toMs).map((one) => one.wave),
    );
    return wave < 9 ? String(wave + 1) : '+';
  });
}

function serviceCells(service: Service, endMs: number): string {
  return cellsOf(endMs, (fromMs, toMs) => cellOf(service, leastIn(service, fromMs, toMs)));
}

/** What counts is the worst of the time that a cell stands for. */
function leastIn({ steps, inService }: Service, fromMs: number, toMs: number): number {
  let before = inService;
  let least = Number.POSITIVE_INFINITY;
  for (const step of steps) {
    if (step.atMs <= fromMs) before = step.inService;
    else if (step.atMs < toMs) least = Math.min(least, step.inService);
  }
  return Math.min(before, least);
}

function cellOf(service: Service, serving: number): string {
  const part = partOf(service, serving);
  if (part >= 1) return '#';
  if (serving <= 0) return '!';
  return part > 0.5 ? '+' : '-';
}

function cellsOf(endMs: number, cell: (fromMs: number, toMs: number) => string): string {
  const at = (index: number) => (endMs * index) / CELLS;
  return Array.from({ length: CELLS }, (_, index) => cell(at(index), at(index + 1))).join('');
}

/** `wave 1, 0 ms to 2 min 0 s, 1 agent: web-1`. */
function orderLines({ upgrades }: RolloutSimulation): readonly string[] {
  const waves = [...new Set(upgrades.map(({ wave }) => wave))].sort((a, b) => a - b);
  return waves.map((wave) => {
    const own = upgrades.filter((one) => one.wave === wave);
    const names = own.map(({ agent }) => agent);
    const from = Math.min(...own.map(({ startMs }) => startMs));
    const to = Math.max(...own.map(({ endMs }) => endMs));
    const when = `${from === 0 ? '0' : formatDuration(from)} to ${formatDuration(to)}`;
    return `wave ${wave + 1}, ${when}, ${agentsText(own.length)}: ${namesText(names, NAMES_SHOWN_MAX)}`;
  });
}
