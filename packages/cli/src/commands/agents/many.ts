/* What one order for many agents came to: the counts, who was refused and why, and whether it came to its end. */
import type { ResponseOf } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';

type Ends = Pick<ResponseOf<'upgradeAgents'>, 'selected' | 'refused' | 'unfinished'>;

export interface Many {
  readonly ends: Ends;
  /** One line for each agent for which it was done. */
  readonly done: readonly string[];
  /** `ordered`, `validated`. */
  readonly verb: string;
  /** Names of those that the order itself leaves out. */
  readonly leftOut?: readonly string[];
  /** What should be known of single agents. */
  readonly warnings?: readonly { readonly agent: string; readonly message: string }[];
}

/** Beyond this counts say more than lines; `-o json` has them all. */
const DONE_SHOWN_MAX = 20;
const WARNINGS_SHOWN_MAX = 20;

export function manyLines(many: Many): readonly string[] {
  const { ends, done, verb, warnings = [], leftOut = [] } = many;
  const { selected, refused } = ends;
  const unshown = warnings.length - WARNINGS_SHOWN_MAX;
  return [
    ...(done.length > DONE_SHOWN_MAX ? [] : done),
    ...warnings
      .slice(0, WARNINGS_SHOWN_MAX)
      .map(({ agent, message }) => `${agent}: warning: ${message}`),
    ...(unshown > 0 ? [`and ${unshown} more warnings (-o json has them all)`] : []),
    ...(leftOut.length > 0 ? [leftOutText(leftOut)] : []),
    ...refused.map(({ agent, message, code }) => `${agent}: refused: ${message} (${code})`),
    ...(selected > 1
      ? [
          `${done.length} of ${selected} ${verb}${refused.length > 0 ? `, ${refused.length} refused` : ''}`,
        ]
      : []),
  ];
}

function leftOutText(leftOut: readonly string[]): string {
  const named = leftOut.slice(0, DONE_SHOWN_MAX).join(', ');
  const more = leftOut.length > DONE_SHOWN_MAX ? ' and others' : '';
  return `${leftOut.length} left out, without a launcher: ${named}${more}`;
}

/** Nothing was done, for one reason that the error says: no lines are needed beside it. */
export function isLoneRefusal({ ends }: Many): boolean {
  return ends.selected === 1 && ends.refused.length === 1;
}

/** Throws where not everybody had it done. */
export async function requireAllDone(many: Many, again: string): Promise<void> {
  const { ends, done, verb } = many;
  const { selected, refused, unfinished } = ends;
  if (unfinished !== null) {
    const message = `${done.length} of ${selected} ${verb}, then: ${unfinished.message}`;
    throw await problemOf({ ...unfinished, message, remedy: `${unfinished.remedy} ${again}` });
  }
  const [first] = refused;
  if (first === undefined) return;
  if (isLoneRefusal(many)) throw await problemOf(first);
  throw new CodedError('agents-refused', `${refused.length} of ${selected} agents were refused`);
}

/** Throws what stopped it before everybody had a turn; those of whom it speaks had theirs. */
export async function requireFinished(
  { unfinished }: Pick<Ends, 'unfinished'>,
  again = '',
): Promise<void> {
  if (unfinished === null) return;
  throw await problemOf({ ...unfinished, remedy: `${unfinished.remedy} ${again}`.trim() });
}

/** As the coordinator named it, also where this program is older and does not know the code. */
export async function problemOf(told: {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}): Promise<CodedError> {
  const { ApiError } = await import('@moult/api/client');
  const { code, message: detail, remedy } = told;
  return new ApiError({ type: 'about:blank', title: code, status: 0, detail, code, remedy });
}
