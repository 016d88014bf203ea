import { EVIDENCE_LIMITS } from './evidence.ts';

/** Control characters and halves of pairs: six bytes each on the pipe, and escapes on somebody's terminal. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/gu;

/** The last lines within the limits of evidence, printable. */
export function keptLogLines(lines: readonly string[]): readonly string[] {
  return lines
    .slice(-EVIDENCE_LIMITS.logLinesMax)
    .map((line) => line.slice(0, EVIDENCE_LIMITS.logLineLengthMax).replace(UNPRINTABLE, '\uFFFD'));
}
