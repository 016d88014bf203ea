/* Reports for spreadsheets and scripts: times that sort, codes apart from messages. */
import type { Attempt } from '@moult/api';
import { csvLines } from '../../terminal/csv.ts';
import type { Column } from '../../terminal/table.ts';
import type { ReportRow } from './report-rows.ts';

export function rowCsv(rows: readonly ReportRow[]): readonly string[] {
  return csvLines(ROW_COLUMNS, rows);
}

/** Each step of each attempt. */
export function stepCsv(attempts: readonly Attempt[]): readonly string[] {
  const steps = attempts.flatMap((attempt) =>
    attempt.steps.map((step, index) => ({
      attempt,
      step: step.step,
      startedMs: step.startedMs,
      endedMs: attempt.steps[index + 1]?.startedMs ?? attempt.endedMs,
    })),
  );
  return csvLines(STEP_COLUMNS, steps);
}

const ROW_COLUMNS: readonly Column<ReportRow>[] = [
  { title: 'wave', cell: ({ member }) => String(member.wave + 1) },
  { title: 'place', cell: ({ member }) => String(member.place + 1) },
  { title: 'agent', cell: ({ member }) => member.agent },
  { title: 'group', cell: ({ member }) => member.group },
  { title: 'platform', cell: ({ member }) => member.platform },
  { title: 'try', cell: ({ nth }) => (nth === 0 ? '' : String(nth)) },
  { title: 'from', cell: ({ from }) => from ?? '' },
  { title: 'to', cell: ({ given }) => given?.to ?? '' },
  { title: 'state', cell: ({ state }) => state },
  { title: 'failure', cell: ({ failure }) => failure ?? '' },
  { title: 'holdReason', cell: ({ holdReason }) => holdReason ?? '' },
  { title: 'ordered', cell: ({ given }) => isoTime(given?.orderedMs ?? null) },
  { title: 'started', cell: ({ given }) => isoTime(given?.startedMs ?? null) },
  { title: 'ended', cell: ({ given }) => isoTime(given?.endedMs ?? null) },
  {
    title: 'bytesFetched',
    cell: ({ given }) => (given === null ? '' : String(given.bytesFetched)),
  },
  { title: 'gapMs', cell: ({ given }) => String(given?.gapMs ?? '') },
  { title: 'command', cell: ({ given }) => given?.commandId ?? '' },
  { title: 'code', cell: ({ code }) => code ?? '' },
  { title: 'message', cell: ({ message }) => message ?? '' },
];

interface Step {
  readonly attempt: Attempt;
  readonly step: string;
  readonly startedMs: number;
  readonly endedMs: number | null;
}

const STEP_COLUMNS: readonly Column<Step>[] = [
  { title: 'agent', cell: ({ attempt }) => attempt.agent },
  { title: 'command', cell: ({ attempt }) => attempt.commandId },
  { title: 'attempt', cell: ({ attempt }) => String(attempt.attempt) },
  { title: 'step', cell: ({ step }) => step },
  { title: 'started', cell: ({ startedMs }) => isoTime(startedMs) },
  { title: 'ended', cell: ({ endedMs }) => isoTime(endedMs) },
  { title: 'outcome', cell: ({ attempt }) => attempt.outcome ?? '' },
];

function isoTime(ms: number | null): string {
  return ms === null ? '' : new Date(ms).toISOString();
}
