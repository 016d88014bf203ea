/*
 * What the end of a rehearsal means. The version that runs is the witness: where it has a session all along and the new
 * one cannot get one, twice running, the new one is broken; where it has none itself, the world may be.
 */
import type { RehearsalOutcome } from '../boot/index.ts';

export interface RehearsalFacts {
  readonly outcome: RehearsalOutcome;
  /** The version that runs had one and the same session from its beginning to its end. */
  readonly hadSession: boolean;
  /** The one before it was not reached either, with a session beside it. */
  readonly isSecond: boolean;
}

/** *Again*: at once. *Later*: when the network is back, or on the schedule of work that waits for it. */
export type AfterRehearsal = 'passed' | 'again' | 'later' | 'refused';

export function afterRehearsal({ outcome, hadSession, isSecond }: RehearsalFacts): AfterRehearsal {
  switch (outcome) {
    case 'passed':
      return 'passed';
    case 'failed':
      return 'refused';
    case 'not-reached':
      if (!hadSession) return 'later';
      return isSecond ? 'refused' : 'again';
  }
}

/** Lines of a stack, of the source that is shown above it, and what Node says of itself at the end. */
const NOT_THE_ERROR = /^(\s|\^|at |node:|file:|\/|Node\.js v|Thrown at:|throw )/;
const NAMES_ITSELF = /^(Uncaught )?[A-Za-z]*(Error|Exception)\b/;

/**
 * What a program said before it ended, as one line for people and the rest as evidence. The first line says how it ended; of
 * the others the one that names an error says why, or else the last one.
 */
export function wordsOfFailure(text: string): {
  readonly message: string;
  readonly logLines: readonly string[];
} {
  const [how = '', ...logLines] = text.split('\n');
  const said = logLines.filter((line) => line !== '' && !NOT_THE_ERROR.test(line));
  const why = said.find((line) => NAMES_ITSELF.test(line)) ?? said.at(-1);
  return { message: why === undefined ? how : `${how}: ${why}`, logLines };
}
