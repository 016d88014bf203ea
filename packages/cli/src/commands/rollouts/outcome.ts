/* When a rollout is over for whoever waits for it, and with which exit code. */
import type { Rollout } from '@moult/api';
import { CodedError } from '@moult/core/errors';
import { EXIT } from '../../exit-codes.ts';
import { countsText } from './bar.ts';
import { stateText } from './rollout-text.ts';

/** It goes on by no means of its own. A halted one waits for a person, who has to learn of it. */
export function isSettled({ state }: Pick<Rollout, 'state'>): boolean {
  return state === 'ended' || state === 'cancelled' || state === 'halted';
}

/** The exit code of one that ended well or is pending; throws `rollout-not-done` for all others. */
export function outcomeOf(rollout: Rollout): number {
  if (!isSettled(rollout)) return EXIT.pending;
  if (rollout.state === 'ended' && rollout.outcome === 'ended-ok') return EXIT.ok;
  const { name, state } = rollout;
  throw new CodedError(
    'rollout-not-done',
    `${name}: ${stateText(rollout)} (${countsText(rollout.counts)})`,
    {
      remedy:
        state === 'halted'
          ? `See \`moult rollouts why ${name}\`, then \`moult rollouts resume ${name}\` or \`moult rollouts cancel ${name}\`.`
          : `See \`moult rollouts why ${name}\`.`,
    },
  );
}
