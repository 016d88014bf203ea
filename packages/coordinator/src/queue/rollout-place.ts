/* What an agent waits for in the rollout that is to bring it to a version. */
import { type HoldReason, isHoldReason, type NothingOpen } from '@moult/core/command';
import type { Component } from '@moult/core/component';
import { memberReasonOf, type RolloutState } from '@moult/core/rollout';
import type { Store } from '@moult/store';
import { viewOf } from '../http/handlers/rollout-view.ts';

/** Of an agent that such a rollout has come to an end with. */
const STANDING_REASONS: Readonly<Record<RolloutState, HoldReason | null>> = {
  draft: null,
  planning: null,
  pending: 'rollout-pending',
  running: null,
  paused: 'rollout-paused',
  halted: 'rollout-halted',
  ended: null,
  cancelled: null,
};

/** Null: no rollout is to bring it there, or what it waits for has no name. */
export async function rolloutPlace(
  store: Store,
  of: { readonly instanceId: string; readonly component: Component; readonly version: string },
): Promise<NothingOpen['rollout']> {
  const place = await store.read('rolloutPlaceOf', of);
  if (place === null) return null;
  const rollout = viewOf(await store.read('rolloutView', place.rolloutId));
  const reason = memberReasonOf(rollout, place) ?? STANDING_REASONS[rollout.state];
  return isHoldReason(reason) ? { name: rollout.name, reason } : null;
}
