/* What a process knows of the version that it is, and of what is on trial. */
import type { Slot, Spawned } from '@moult/core/boot';
import type { BootView, UpgradeOrder, UpgradeState } from '@moult/core/upgrade';
import type { OwnFacts } from '../session/link.ts';

export function isRunning(spawned: Spawned, order: UpgradeOrder, slot: Slot): boolean {
  const running = order.component === 'agent' ? spawned.slot.digest : spawned.launcherDigest;
  return running === slot.digest;
}

export function isAnyOnTrial({ components }: Spawned): boolean {
  return Object.values(components).some(({ trialAttemptId }) => trialAttemptId !== null);
}

/** What a hello shows of what runs. */
export function shownFacts(spawned: Spawned, state: UpgradeState): OwnFacts {
  const { slot, launcherVersion, launcherDigest } = spawned;
  return {
    version: slot.version,
    digest: slot.digest,
    commandNonce: nonceOf(state),
    launcherVersion,
    launcherDigest: launcherDigest ?? '',
  };
}

/** Shown again by the process on trial; empty: nothing is. */
function nonceOf(state: UpgradeState): string {
  return state.kind === 'probation' || state.kind === 'committing' ? state.course.order.nonce : '';
}

export function committedView(view: BootView, order: UpgradeOrder, slot: Slot): BootView {
  const before = view[order.component];
  const after = { ...before, committed: slot, previous: before.committed, trialAttemptId: null };
  return { ...view, [order.component]: after };
}
