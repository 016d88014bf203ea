/* When a rollout is over for whoever waits for it, and with which exit code. */
import type { Rollout } from '@moult/api';
import type { HoldReason } from '@moult/core/command';
import { CodedError } from '@moult/core/errors';
import type { RolloutState } from '@moult/core/rollout';
import { EXIT } from '../../exit-codes.ts';
import { countsText } from './bar.ts';
import { stateText } from './rollout-text.ts';

/** It is over, or halted: no success is to come by itself. */
export function isSettled({ state }: Pick<Rollout, 'state'>): boolean {
  return SETTLED[state];
}

const SETTLED: Readonly<Record<RolloutState, boolean>> = {
  draft: false,
  planning: false,
  pending: false,
  running: false,
  paused: false,
  halted: true,
  ended: true,
  cancelled: true,
};

/** Reasons for which a person alone opens the next wave. */
const PERSONS: readonly string[] = [
  'awaiting-approval',
  'awaiting-gate',
] satisfies readonly HoldReason[];

/**
 * What a person has to type before it goes on, where nobody is on the way any more; null: it goes on by itself, or is over. One
 * that was not started yet is waited for.
 */
export function personsTurnOf(rollout: Rollout): string | null {
  const { name, state, waitsFor, counts } = rollout;
  const isAtWork = counts.upgrading + counts['rolling-back'] > 0;
  if (isAtWork) return null;
  if (state === 'paused') return `moult rollouts resume ${name}`;
  const isAsked = state === 'running' && PERSONS.includes(waitsFor?.reason ?? '');
  return isAsked ? `moult rollouts approve ${name}` : null;
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
