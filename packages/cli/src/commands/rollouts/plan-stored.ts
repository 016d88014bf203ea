/* `rollouts plan NAME`: a draft is planned, and what is pending anew. */
import type { RolloutPlan } from '@moult/api';
import type { ResponseOf } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import { isName } from '@moult/core/name';
import { EXIT } from '../../exit-codes.ts';
import type { Run } from '../../shell.ts';
import { namesText } from '../../terminal/names.ts';
import { type SpecOptions, specGiven } from './asked.ts';
import { nextOf } from './create.ts';
import { NAMES_SHOWN_MAX, planLines } from './plan-text.ts';

interface StoredOptions extends SpecOptions {
  readonly detailedExitcode?: boolean;
}

export function exitCodeOf(
  plan: RolloutPlan,
  { detailedExitcode }: { readonly detailedExitcode?: boolean },
): number {
  return detailedExitcode === true && plan.members.length > 0 ? EXIT.pending : EXIT.ok;
}

export async function planStored(
  run: Run,
  given: readonly string[],
  options: StoredOptions,
): Promise<number> {
  const [rollout = '', ...others] = given;
  if (others.length > 0 || !isName(rollout) || Object.keys(specGiven(options)).length > 0)
    throw new CodedError('usage', '--to is missing: to which version?', {
      remedy:
        'Give the version, or the name of one rollout alone to plan that: `moult rollouts plan spring`.',
    });
  const client = await run.connect();
  const answer = await client.planStoredRollout({
    params: { rollout },
    body: {},
    signal: run.stop,
  });
  const { name, component, version } = answer.rollout;
  run.output.result(answer, () => [
    ...planLines(answer.plan, `${name}: ${component} to ${version}`),
    ...(answer.difference === null ? [] : [differenceLine(answer.difference)]),
    `next: ${nextOf(answer.rollout)}`,
  ]);
  return exitCodeOf(answer.plan, options);
}

function differenceLine(difference: NonNullable<ResponseOf<'planStoredRollout'>['difference']>) {
  const { alreadyThere, cannot, gone, added } = difference;
  const parts = [
    ...textOf(added, 'new'),
    ...textOf(gone, 'gone'),
    ...textOf(alreadyThere, 'there already'),
    ...textOf(
      cannot.map(({ agent, reason }) => `${agent} (${reason})`),
      'cannot any more',
    ),
  ];
  return `since it was planned before: ${parts.length === 0 ? 'nothing has changed' : parts.join('; ')}`;
}

function textOf(names: readonly string[], what: string): readonly string[] {
  return names.length === 0
    ? []
    : [`${names.length} ${what}: ${namesText(names, NAMES_SHOWN_MAX)}`];
}
