// Figures of the demo for people. They are those of this machine, now; `npm run bench` measures with care.

import type { Ended } from '../fleet/coordinator.ts';

const MS_IN_SECOND = 1_000;
const KIB = 1_024;
const MIB = KIB * KIB;

export function secondsText(ms: number): string {
  return `${(ms / MS_IN_SECOND).toFixed(1)} s`;
}

export function summaryLines(upgrades: readonly Ended[]): readonly string[] {
  const rows = upgrades.map(({ command, attempts }) => {
    const attempt = attempts.at(-1);
    const tookMs = attempt?.endedMs == null ? null : attempt.endedMs - attempt.startedMs;
    return [
      command.agent,
      `${attempt?.from ?? '-'} -> ${command.version}`,
      command.outcome ?? command.state,
      tookMs === null ? '-' : secondsText(tookMs),
      bytesText(attempt?.bytesFetched ?? 0),
      bytesText(attempt?.bytesTotal ?? 0),
      attempt?.gapMs == null ? '-' : `${Math.round(attempt.gapMs)} ms`,
    ];
  });
  return aligned([['AGENT', 'UPGRADE', 'OUTCOME', 'TIME', 'MOVED', 'OF', 'GAP'], ...rows]);
}

/** `rolled back: ended three times (exit code 1): Error: this release was built to crash at start`. */
export function evidenceText({ command, attempts }: Ended): string {
  const evidence = attempts.at(-1)?.evidence ?? null;
  if (evidence === null) {
    return `${command.outcome ?? command.state}: ${command.message ?? command.code ?? ''}`;
  }
  const said = evidence.logLines.find((line) => /^\w*Error: /.test(line.trim())) ?? '';
  const end = evidence.signal ?? `exit code ${evidence.exitCode ?? '-'}`;
  return `${command.outcome ?? command.state}: ${evidence.reason}, ${end}${said === '' ? '' : `, ${said.trim()}`}`;
}

function bytesText(bytes: number): string {
  return bytes >= MIB ? `${(bytes / MIB).toFixed(1)} MiB` : `${(bytes / KIB).toFixed(0)} KiB`;
}

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, index) =>
    Math.max(...rows.map((row) => (row[index] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
