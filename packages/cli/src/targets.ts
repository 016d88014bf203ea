/* Whom a command means: a plain name is a name, whatever else is a selector, which the coordinator evaluates. */
import { CodedError } from '@moult/core/errors';
import { isName } from '@moult/core/name';
import type { Run } from './shell.ts';
import { printable } from './terminal/printable.ts';

/** For the help of arguments. */
export const SELECTOR_HELP =
  'a selector in quotes, such as "group=eu and version<2.1" (docs/selectors.md)';

/** In the form of the API: either names or a selector. */
export type Target =
  | { readonly agents: string[]; readonly select?: never }
  | { readonly select: string };

/** Throws `usage` for a mixture: a selector that the shell took apart looks like that. */
export function targetOf(given: readonly string[]): Target {
  const [first = ''] = given;
  if (given.every(isName)) return { agents: [...given] };
  if (given.length === 1) return { select: first };
  const other = given.find((one) => !isName(one)) ?? '';
  throw new CodedError('usage', `${other} is no name, and a selector stands alone`, {
    remedy: `Give names of agents, or ${SELECTOR_HELP}.`,
  });
}

/** A name selects the agent that bears it. */
export function selectOf(given: string): string {
  return isName(given) ? `agent="${given}"` : given;
}

/** Asks, and where the selector cannot be understood shows the place in it. */
export async function pointingAt<T>(
  run: Run,
  of: { readonly select?: string | undefined },
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (caught) {
    const { select } = of;
    if (select !== undefined && caught instanceof CodedError && caught.code === 'selector-invalid')
      run.output.failure(await placeLines(select));
    throw caught;
  }
}

/** The coordinator's word counts; where this program, older or newer, finds no fault it shows no place. */
async function placeLines(select: string): Promise<readonly string[]> {
  const { parseSelector } = await import('@moult/core/selector');
  const parsed = parseSelector(select);
  if (parsed.ok) return [];
  const before = [...printable(select.slice(0, parsed.at))].length;
  return [`  ${printable(select)}`, `  ${' '.repeat(before)}^`];
}
