import type { Attempt } from '@moult/api';
import { ABSENT, formatBytes, formatDuration, formatTime } from './format.ts';
import { printable } from './printable.ts';
import { remedyOf } from './remedy.ts';

/** Of a crash the last lines say most; all of them are in `-o json`. */
const LOG_LINES_SHOWN_MAX = 12;

/** One attempt for people: what, its steps with their times, its end, and the evidence of a failure. */
export function attemptLines(attempt: Attempt): readonly string[] {
  const { steps, evidence, endedMs } = attempt;
  const outcome = attempt.outcome ?? 'running';
  const why = attempt.why === '' ? '' : `: ${attempt.why}`;
  const lines = [
    `${attempt.agent} ${attempt.component} ${attempt.from ?? ABSENT} -> ${attempt.to}: ${outcome} (attempt ${attempt.attempt}, ${formatTime(attempt.startedMs)})`,
    `  ordered by ${attempt.createdBy}${why}`,
    ...steps.map((step, index) => {
      const untilMs = steps[index + 1]?.startedMs ?? endedMs;
      const took = untilMs === null ? '' : formatDuration(Math.max(0, untilMs - step.startedMs));
      return `  ${step.step.padEnd(14)} ${took.padStart(9)}`;
    }),
    `  fetched ${formatBytes(attempt.bytesFetched)} of ${formatBytes(attempt.bytesTotal)}, gap ${attempt.gapMs === null ? ABSENT : formatDuration(attempt.gapMs)}, rehearsal ${attempt.rehearsal}`,
  ];
  if (attempt.message !== null) lines.push(`  ${attempt.message} (${attempt.code ?? 'no code'})`);
  const remedy = remedyOf(attempt);
  if (remedy !== null) lines.push(`  next: ${remedy}`);
  if (evidence !== null) {
    const end =
      evidence.signal ?? (evidence.exitCode === null ? null : `exit code ${evidence.exitCode}`);
    lines.push(`  evidence: ${[evidence.reason, evidence.detail, end].filter(Boolean).join(', ')}`);
    lines.push(...evidence.logLines.slice(-LOG_LINES_SHOWN_MAX).map((line) => `    | ${line}`));
  }
  return lines.map((line) => `${/^ */.exec(line)?.[0] ?? ''}${printable(line.trimStart())}`);
}
