/* What `rollouts watch` shows: a frame that fits the screen, or lines for a log. */
import type { Rollout } from '@moult/api';
import type { HoldReason } from '@moult/core/command';
import { isFailure } from '@moult/core/rollout';
import { barText, countsText, overIn, sizeOf } from './bar.ts';
import { memberText } from './member-text.ts';
import type { Member } from './members.ts';
import { stateText, waitText } from './rollout-text.ts';

const BAR_WIDTH_MAX = 40;
const BAR_WIDTH_MIN = 10;
/** Beside the bar of a wave: its number, how many are over, who is what. */
const BESIDE_BAR = 44;
const HEAD_LINES = 2;

export interface FrameOf {
  readonly rollout: Rollout;
  /** Those that failed or are held; others are not shown. */
  readonly members: readonly Member[];
  readonly size: { readonly rows: number; readonly columns: number };
  readonly nowMs: number;
}

/** Head, a bar for each wave, then whoever needs somebody to look; the waves before whom they belong to. */
export function frameLines(of: FrameOf): readonly string[] {
  const { rollout, size, nowMs } = of;
  const { name, component, version, counts } = rollout;
  const waits = waitText(rollout, nowMs);
  const head = [
    `${name}: ${component} ${version}, ${stateText(rollout)}, ${overIn(counts)} of ${sizeOf(counts)} over`,
    waits === null ? '' : `waits for: ${waits}`,
  ];
  const bars = barLines(of);
  const troubled = troubledLines(of, Math.max(0, size.rows - HEAD_LINES - bars.length));
  return [...head, ...bars, ...troubled].slice(0, size.rows);
}

/** All waves where they leave half of the screen to the agents; else those around the one at work. */
function barLines({ rollout, size }: FrameOf): readonly string[] {
  const { waves, wave } = rollout;
  const shownMax = Math.max(1, Math.floor(size.rows / 2) - HEAD_LINES);
  const width = Math.max(BAR_WIDTH_MIN, Math.min(BAR_WIDTH_MAX, size.columns - BESIDE_BAR));
  const digits = String(waves.length).length;
  const lines = waves.map(({ counts }, index) => {
    const number = String(index + 1).padStart(digits);
    const over = `${overIn(counts)}/${sizeOf(counts)}`.padStart(2 * widestOf(waves) + 1);
    return `wave ${number} ${barText(counts, width)} ${over}  ${countsText(counts)}`;
  });
  if (lines.length <= shownMax) return lines;
  const at = wave ?? (rollout.endedMs === null ? 0 : lines.length - 1);
  const first = Math.max(0, Math.min(at - 1, lines.length - shownMax));
  return lines.slice(first, first + shownMax);
}

function widestOf(waves: Rollout['waves']): number {
  return Math.max(...waves.map(({ counts }) => String(sizeOf(counts)).length));
}

/** They wait for their turn, which the rollout's own line says once for all. */
const IN_LINE: readonly (string | null)[] = [
  null,
  'awaiting-turn',
  'awaiting-gate',
  'awaiting-soak',
  'awaiting-approval',
  'rollout-paused',
  'rollout-halted',
] satisfies readonly (HoldReason | null)[];

/** Failures first, then those held; the last line says how many more there are. */
function troubledLines({ members, rollout: { name } }: FrameOf, rows: number): readonly string[] {
  const failed = members.filter(({ state }) => isFailure(state));
  const held = members.filter(
    ({ state, holdReason }) => !isFailure(state) && !IN_LINE.includes(holdReason),
  );
  const all = [...failed, ...held];
  if (all.length === 0 || rows < 2) return [];
  const lines = all.map((member) => `${member.agent}: ${memberText(member)}`);
  // One is the empty line before them.
  const shownMax = rows - 1;
  if (lines.length <= shownMax) return ['', ...lines];
  const shown = lines.slice(0, shownMax - 1);
  return ['', ...shown, `and ${lines.length - shown.length} more: moult rollouts why ${name}`];
}

/** `[3/12] web-4: upgrading`: for each agent whose state is another than before; `before` has states by place. */
export function changeLines(
  before: ReadonlyMap<number, string>,
  members: readonly Member[],
): readonly string[] {
  const over = members.filter(({ state }) => state !== 'waiting' && state !== 'upgrading').length;
  return members
    .filter(({ place, state }) => (before.get(place) ?? 'waiting') !== state)
    .map((member) => `[${over}/${members.length}] ${member.agent}: ${memberText(member)}`);
}
