/* When a rollout is over for whoever waits for it, and with which exit code. */
import type { Rollout } from '@moult/api';
import { type HoldReason, isHoldReason } from '@moult/core/command';
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

/** What only a person ends, and with which word. */
const PERSONS: Readonly<Partial<Record<HoldReason, string>>> = {
  'awaiting-approval': 'approve',
  'awaiting-gate': 'approve',
  // Its time came, and it could not start.
  'plan-empty': 'why',
  'agent-in-rollout': 'why',
  'release-withdrawn': 'why',
};

/** What a person has to type before it goes on, where nobody is on the way any more; null: it goes on by itself, or is over. */
export function personsTurnOf(rollout: Rollout): string | null {
  const { name, waitsFor, counts } = rollout;
  if (counts.upgrading + counts['rolling-back'] > 0) return null;
  const word = STATE_WORDS[rollout.state];
  const reason = waitsFor?.reason ?? null;
  const isAsked = reason !== null && (rollout.state === 'pending' || rollout.state === 'running');
  const verb = isAsked ? (isHoldReason(reason) ? (PERSONS[reason] ?? null) : null) : word;
  return verb === null ? null : `moult rollouts ${verb} ${name}`;
}

/** Where nothing else is waited for. */
const STATE_WORDS: Readonly<Record<RolloutState, string | null>> = {
  draft: 'plan',
  planning: null,
  pending: 'start',
  running: null,
  paused: 'resume',
  halted: null,
  ended: null,
  cancelled: null,
};

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
