/* What `rollouts watch` shows: a frame that fits the screen, or lines for a log. */
import type { Rollout } from '@moult/api';
import type { HoldReason } from '@moult/core/command';
import { isFailure, ON_THE_WAY } from '@moult/core/rollout';
import { formatDuration } from '../../terminal/format.ts';
import { barText, countsText, overIn, sizeOf } from './bar.ts';
import { memberText, stepText } from './member-text.ts';
import type { Member } from './members.ts';
import { stateText, waitText } from './rollout-text.ts';

const BAR_WIDTH_MAX = 40;
const BAR_WIDTH_MIN = 10;
/** Beside the bar of a wave: its number, how many are over, who is what. */
const BESIDE_BAR = 44;
const HEAD_LINES = 2;

export interface FrameOf {
  readonly rollout: Rollout;
  /** Those that failed, are held, or upgrade; of these the slow ones are shown. */
  readonly members: readonly Member[];
  /** What an upgrade took, the middle of those that are known; null: none is over yet. */
  readonly usualMs: number | null;
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
  const troubled = troubledLines(of);
  const room = Math.max(0, size.rows - HEAD_LINES);
  const bars = barLines(
    of,
    troubled.length === 0 ? room : Math.max(room - troubled.length - 1, Math.floor(room / 2)),
  );
  return [...head, ...bars, ...cut(troubled, room - bars.length, name)].slice(0, size.rows);
}

/** All waves where they leave half of the screen to the agents that need it; else those around the one at work. */
function barLines({ rollout, size }: FrameOf, rows: number): readonly string[] {
  const { waves, wave } = rollout;
  const shownMax = Math.max(1, rows);
  const width = Math.max(BAR_WIDTH_MIN, Math.min(BAR_WIDTH_MAX, size.columns - BESIDE_BAR));
  const digits = String(waves.length).length;
  const lines = waves.map(({ counts }, index) => {
    const number = String(index + 1).padStart(digits);
    const over = `${overIn(counts)}/${sizeOf(counts)}`.padStart(2 * widestOf(waves) + 1);
    return `wave ${number} ${barText(counts, width)} ${over}  ${countsText(counts)}`;
  });
  if (lines.length <= shownMax) return lines;
  const at = wave ?? (rollout.endedMs === null ? 0 : lines.length - 1);
  // The one before it, where there is room for two.
  const first = Math.max(0, Math.min(shownMax === 1 ? at : at - 1, lines.length - shownMax));
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
  'awaiting-time',
  'awaiting-sibling',
  'agent-in-rollout',
  'plan-empty',
  'release-withdrawn',
  'rollout-draft',
  'rollout-pending',
  'rollout-paused',
  'rollout-halted',
  'coordinator-restored',
] satisfies readonly (HoldReason | null)[];

/** Longer than so many times the usual is slow; hosts differ, and so do their networks. */
const SLOW_TIMES = 2;
/** No shorter time is slow, however quick the others are. */
const SLOW_MS_MIN = 60_000;
/** Where nothing is known of others. */
const SLOW_MS_UNKNOWN = 300_000;

/** Failures first, then those held, then the slow ones. */
function troubledLines(of: FrameOf): readonly string[] {
  const failed = of.members.filter(({ state }) => isFailure(state));
  const others = of.members.filter(({ state }) => !isFailure(state));
  const held = others.filter(({ holdReason }) => !IN_LINE.includes(holdReason));
  return [
    ...[...failed, ...held].map((member) => `${member.agent}: ${memberText(member)}`),
    ...others.filter((one) => !held.includes(one)).flatMap((member) => slowLine(member, of)),
  ];
}

/** Below an empty line; the last one says how many more there are. */
function cut(lines: readonly string[], rows: number, rollout: string): readonly string[] {
  if (lines.length === 0 || rows < 2) return [];
  const shownMax = rows - 1;
  if (lines.length <= shownMax) return ['', ...lines];
  const shown = lines.slice(0, shownMax - 1);
  return ['', ...shown, `and ${lines.length - shown.length} more: moult rollouts why ${rollout}`];
}

/** `web-7: upgrading, fetching for 3 min 2 s; others took 41.0 s`; none: it is not slow. */
function slowLine(member: Member, { usualMs, nowMs }: FrameOf): readonly string[] {
  const { agent, state, startedMs } = member;
  if (startedMs === null || !ON_THE_WAY.includes(state)) return [];
  const forMs = nowMs - startedMs;
  const slowMs = usualMs === null ? SLOW_MS_UNKNOWN : Math.max(SLOW_MS_MIN, SLOW_TIMES * usualMs);
  if (forMs <= slowMs) return [];
  const others = usualMs === null ? '' : `; others took ${formatDuration(usualMs)}`;
  const word = `${state.replaceAll('-', ' ')}${stepText(member)}`;
  return [`${agent}: ${word} for ${formatDuration(forMs)}${others}`];
}

/** The middle one of what upgrades took; null: none is over. */
export function usualMsOf(done: readonly Member[]): number | null {
  const took = done
    .flatMap(({ startedMs, endedMs }) =>
      startedMs === null || endedMs === null ? [] : [endedMs - startedMs],
    )
    .sort((a, b) => a - b);
  return took[Math.floor(took.length / 2)] ?? null;
}

/** `[3/12] web-4: upgrading`: for each agent whose state is another than before; `before` has states by place. */
export function changeLines(
  before: ReadonlyMap<number, string>,
  members: readonly Member[],
): readonly string[] {
  const over = members.filter(({ state }) => !ON_THE_WAY.includes(state)).length;
  return members
    .filter(({ place, state }) => (before.get(place) ?? 'waiting') !== state)
    .map((member) => `[${over}/${members.length}] ${member.agent}: ${memberText(member)}`);
}
