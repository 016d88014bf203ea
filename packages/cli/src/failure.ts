/* How a failure is told: what happened and to what, what to do next, and the stable code. Never a stack trace. */
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import { CommanderError } from 'commander';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { printable } from './terminal/printable.ts';
import type { Screen } from './terminal/screen.ts';

export interface FailureOptions {
  readonly screen: Screen;
  /** MOULT_DEBUG=1: the stack trace and the causes too. */
  readonly isDebugging: boolean;
}

/** Prints the failure and gives the exit code. */
export function tellFailure(caught: unknown, options: FailureOptions): number {
  const error = caught instanceof CommanderError ? usageError(caught) : codedErrorFrom(caught);
  const code = problemCodeOf(error);
  for (const line of failureLines(error, code)) options.screen.err(`${line}\n`);
  if (options.isDebugging) {
    for (let at: unknown = error; at instanceof Error; at = at.cause)
      options.screen.err(`${at.stack}\n`);
  }
  return exitCodeOf({ code, status: error.status });
}

function failureLines(error: CodedError, code: string): readonly string[] {
  const causes = causesOf(error);
  return [
    `error: ${printable(error.message)}`,
    ...causes.map((cause) => `cause: ${printable(cause)}`),
    `next: ${printable(error.remedy)}`,
    `code: ${printable(code)}`,
  ];
}

/** A chain of causes is finite, but may be a loop that somebody made. */
const CAUSES_MAX = 3;

/** Messages beneath ours that say more; one that ours repeats says nothing. */
function causesOf(error: CodedError): readonly string[] {
  const causes: string[] = [];
  let said = error.message;
  for (let at = error.cause; at instanceof Error && causes.length < CAUSES_MAX; at = at.cause) {
    if (at.message === '' || said.includes(at.message)) continue;
    causes.push(at.message);
    said += at.message;
  }
  return causes;
}

function usageError(error: CommanderError): CodedError {
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.+?)\?\)$/s, ', did you mean $1?');
  return new CodedError('usage', message, { cause: undefined });
}

/** An older program keeps the name that a newer coordinator gave. */
function problemCodeOf(error: CodedError): string {
  return 'problemCode' in error && typeof error.problemCode === 'string'
    ? error.problemCode
    : error.code;
}

/** Commander ends by throwing also when all is well: after help and version. */
export function endOfHelp(caught: unknown): number | null {
  if (!(caught instanceof CommanderError)) return null;
  if (caught.code === 'commander.helpDisplayed' || caught.code === 'commander.version')
    return EXIT.ok;
  // Help shown because no command was given: nothing was done.
  if (caught.code === 'commander.help') return EXIT.usage;
  return null;
}
