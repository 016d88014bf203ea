/*
 * Checks for people who are in a hurry: what failed first, what is well last, what to do right beneath; once where several have
 * one remedy. On a terminal lines end at its edge; elsewhere a check is one line, for `grep`.
 */
import type { DoctorCheck } from '@moult/core/doctor';
import { CATALOGUE, toldIn } from '@moult/core/errors';
import type { Screen } from './screen.ts';

const ORDER = ['fail', 'warn', 'pass'] as const;
const NAME_WIDTH = 14;
const INDENT = ' '.repeat(4 + 2 + NAME_WIDTH + 2);
/** Narrower than this a wrapped text is harder to read than one that the terminal cuts. */
const COLUMNS_MIN = 60;

/** For programs: each check with its remedy. */
export function checksWithRemedies(checks: readonly DoctorCheck[]): readonly object[] {
  return checks.map((check) => ({ ...check, next: remedyOf(check) }));
}

export function checkLines(checks: readonly DoctorCheck[], screen: Screen): readonly string[] {
  const columns = screen.isOutTerminal ? Math.max(COLUMNS_MIN, screen.columns) : null;
  const shown = ORDER.flatMap((outcome) => checks.filter((check) => check.outcome === outcome));
  return shown.flatMap((check, index) => {
    const { outcome, name, detail } = check;
    const head = `${outcome}  ${name.padEnd(NAME_WIDTH)}  `;
    const remedy = remedyOf(check);
    const next = shown[index + 1];
    const isLast = next === undefined || remedyOf(next) !== remedy;
    return [
      ...wrapped({ head, text: detail, columns }),
      ...(remedy === null || !isLast
        ? []
        : wrapped({ head: `${INDENT}next: `, text: remedy, columns })),
    ];
  });
}

export function summaryOf(checks: readonly DoctorCheck[]): string {
  const count = (outcome: DoctorCheck['outcome']) =>
    checks.filter((check) => check.outcome === outcome).length;
  const [failed, warned] = [count('fail'), count('warn')];
  if (failed > 0) {
    return `${failed} of ${checks.length} checks ${verb(failed, 'fail')}, ${warned} ${verb(warned, 'warn')}.`;
  }
  if (warned > 0) return `No check fails, ${warned} of ${checks.length} ${verb(warned, 'warn')}.`;
  return checks.length === 1 ? 'The check passes.' : `All ${checks.length} checks pass.`;
}

function verb(count: number, word: string): string {
  return count === 1 ? `${word}s` : word;
}

export function isAnyFailing(checks: readonly DoctorCheck[]): boolean {
  return checks.some(({ outcome }) => outcome === 'fail');
}

function remedyOf({ code, detail }: DoctorCheck): string | null {
  if (code === null) return null;
  return toldIn(`${code}: ${detail}`)?.remedy ?? CATALOGUE[code].remedy;
}

/** Behind its head, the lines that follow beneath it. A word that is too long stands alone. */
function wrapped(of: {
  readonly head: string;
  readonly text: string;
  readonly columns: number | null;
}): readonly string[] {
  const { head, text, columns } = of;
  if (columns === null) return [`${head}${text}`];
  const lines: string[] = [];
  let line = head;
  let isEmpty = true;
  for (const word of text.split(/\s+/)) {
    if (!isEmpty && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = INDENT;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
