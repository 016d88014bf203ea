/* What a rollout came to, in words: totals, who is at it, who was lately, what was done to it. */
import type { HistoryEntry } from '@moult/api';
import type { ResponseOf } from '@moult/api/client';
import {
  ABSENT,
  formatAgo,
  formatBytes,
  formatDuration,
  formatTime,
} from '../../terminal/format.ts';
import { type Column, tableLines } from '../../terminal/table.ts';
import { countsText, overIn, sizeOf } from './bar.ts';
import { memberText } from './member-text.ts';
import type { Member } from './members.ts';
import type { ReportRow } from './report-rows.ts';
import { statusLines } from './rollout-text.ts';

export type Report = ResponseOf<'reportRollout'>;

/** Of those that upgrade, and of those that lately have. */
const SHOWN_MAX = 10;

/** Where it stands, and who is at it. */
export function nowLines(report: Report, nowMs: number): readonly string[] {
  const { rollout, commands, bytesFetched, platforms } = report;
  return [
    ...statusLines(rollout, nowMs),
    '',
    ...(commands === 0
      ? ['Nothing has run yet.']
      : [
          `${commands} ${commands === 1 ? 'command' : 'commands'}, ${formatBytes(bytesFetched)} fetched`,
        ]),
    ...totalLines(
      'PLATFORM',
      platforms.map(({ platform, counts }) => ({ key: platform || ABSENT, counts })),
    ),
    ...listed('upgrading', report.upgrading, ({ startedMs }) =>
      startedMs === null ? '' : `, for ${formatDuration(Math.max(0, nowMs - startedMs))}`,
    ),
    ...listed('lately', report.lately, ({ endedMs }) =>
      endedMs === null ? '' : `, ${formatAgo({ atMs: endedMs, nowMs })}`,
    ),
  ];
}

function listed(
  title: string,
  members: readonly Member[],
  whenText: (member: Member) => string,
): readonly string[] {
  if (members.length === 0) return [];
  return [
    '',
    `${title}:`,
    ...members
      .slice(0, SHOWN_MAX)
      .map(
        (member) => `  ${member.agent} (${member.group})${whenText(member)}: ${memberText(member)}`,
      ),
  ];
}

function totalLines(
  title: string,
  totals: readonly { readonly key: string; readonly counts: Report['rollout']['counts'] }[],
): readonly string[] {
  return [
    '',
    ...tableLines(
      [
        { title, cell: ({ key }) => key },
        {
          title: 'OVER',
          cell: ({ counts }) => `${overIn(counts)}/${sizeOf(counts)}`,
          align: 'right',
        },
        { title: 'AGENTS', cell: ({ counts }) => countsText(counts) },
      ],
      totals,
    ),
  ];
}

/** All of it: each command and each agent, and what was done to the rollout. */
export function reportLines(
  report: Report,
  rows: readonly ReportRow[],
  nowMs: number,
): readonly string[] {
  const { groups, acts } = report;
  return [
    ...nowLines({ ...report, upgrading: [], lately: [] }, nowMs),
    ...totalLines(
      'GROUP',
      groups.map(({ group, counts }) => ({ key: group, counts })),
    ),
    ...(rows.length === 0 ? [] : ['', ...rowLines(rows)]),
    ...(acts.length === 0 ? [] : ['', ...tableLines(ACT_COLUMNS, acts)]),
  ];
}

export function rowLines(rows: readonly ReportRow[]): readonly string[] {
  return tableLines(ROW_COLUMNS, rows);
}

const ROW_COLUMNS: readonly Column<ReportRow>[] = [
  { title: 'WAVE', cell: ({ member }) => String(member.wave + 1), align: 'right' },
  { title: 'AGENT', cell: ({ member }) => member.agent },
  { title: 'GROUP', cell: ({ member }) => member.group },
  { title: 'FROM', cell: ({ from }) => from ?? ABSENT },
  { title: 'TO', cell: ({ given }) => given?.to ?? ABSENT },
  { title: 'ORDERED', cell: ({ given }) => formatTime(given?.orderedMs ?? null) },
  { title: 'TOOK', cell: ({ given }) => tookText(given), align: 'right' },
  {
    title: 'FETCHED',
    cell: ({ given }) => (given === null ? ABSENT : formatBytes(given.bytesFetched)),
    align: 'right',
  },
  { title: 'STATE', cell: ({ text }) => text },
];

function tookText(given: ReportRow['given']): string {
  if (given === null || given.endedMs === null) return ABSENT;
  return formatDuration(Math.max(0, given.endedMs - given.orderedMs));
}

const ACT_COLUMNS: readonly Column<HistoryEntry>[] = [
  { title: 'AT', cell: ({ atMs }) => formatTime(atMs) },
  { title: 'WHAT', cell: ({ kind }) => kind.replace(/^rollout-/, '').replaceAll('-', ' ') },
  { title: 'AGENT', cell: ({ agent }) => agent ?? ABSENT },
  { title: 'BY', cell: ({ principal }) => principal },
  { title: 'WHY', cell: ({ why }) => why || ABSENT },
];
