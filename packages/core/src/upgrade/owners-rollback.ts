/*
 * P11: the owner of a host goes back to the version before, without the coordinator. When that may be done, and when the version
 * before may be trusted with it:
 *
 *   nothing under way, or only an end to report   go back, within the window
 *   something is prepared                         wait, or (forced) give it up
 *   a version is on trial                         it is the trial that ends
 *   in between                                    in a moment
 */
import type { RehearsalOutcome, Slot } from '../boot/index.ts';
import type { Component } from '../component.ts';
import type { ErrorCode } from '../errors/index.ts';
import type { Version } from '../versions.ts';
import { attemptIdIn } from './machine.ts';
import type { BootView, UpgradeState } from './state.ts';

/** Later the state has moved on, and what the version before would make of it was never tried. */
export const ROLLBACK_WINDOW_MS: number = 7 * 86_400_000;

export interface RollbackFacts {
  readonly upgrade: UpgradeState;
  readonly view: BootView;
  /** Wall clock, ms; null: nobody knows. */
  readonly committedSinceMs: number | null;
  readonly nowMs: number;
  readonly isForced: boolean;
}

export interface GoingBack {
  readonly kind: 'go-back';
  readonly from: Slot;
  readonly to: Slot;
}

export type RollbackAnswer =
  | GoingBack
  | {
      readonly kind: 'end-trial';
      readonly attemptId: string;
      readonly component: Component;
      readonly from: Version;
      /** Null: the first launcher itself. */
      readonly to: Version | null;
    }
  /** The upgrade that is being prepared comes first: then ask again. */
  | { readonly kind: 'give-up'; readonly attemptId: string }
  | Trouble;

interface Trouble {
  readonly kind: 'refuse';
  readonly code: ErrorCode;
  readonly message: string;
}

type Stage = 'free' | 'preparing' | 'between' | 'on-trial';

const STAGES: Readonly<Record<UpgradeState['kind'], Stage>> = {
  idle: 'free',
  preflight: 'preparing',
  fetching: 'preparing',
  staged: 'preparing',
  rehearsed: 'preparing',
  draining: 'preparing',
  switching: 'between',
  probation: 'on-trial',
  committing: 'between',
  'rolling-back': 'between',
  // The coordinator that it waits for may be gone for good.
  reporting: 'free',
};

/** A12: whether the owner may go back now, and what that means now. */
export function rollbackAnswer(facts: RollbackFacts): RollbackAnswer {
  const { upgrade, view, isForced } = facts;
  if (upgrade.kind === 'idle') return goingBack(facts);
  const { component, version } = upgrade.course.order;
  const attemptId = attemptIdIn(upgrade) ?? '';
  const underWay = refuse('upgrade-under-way', `${component} ${version} is ${upgrade.kind}`);
  switch (STAGES[upgrade.kind]) {
    case 'free':
      return goingBack(facts);
    case 'preparing':
      return isForced ? { kind: 'give-up', attemptId } : underWay;
    case 'between':
      return underWay;
    case 'on-trial': {
      const to = view[component].committed?.version ?? null;
      return { kind: 'end-trial', attemptId, component, from: version, to };
    }
  }
}

function goingBack({ view, committedSinceMs, nowMs, isForced }: RollbackFacts): RollbackAnswer {
  const { committed: from, previous: to, refused } = view.agent;
  if (from === null || to === null) {
    return refuse('no-version-before', 'no version was committed on this host before this one');
  }
  const refusal = refused.find(({ digest }) => digest === to.digest);
  if (refusal !== undefined) {
    const { reason, detail } = refusal.evidence;
    return refuse('version-before-refused', `${to.version}: ${reason}: ${detail}`);
  }
  // A clock that was set back leaves the time as unknown as no time does.
  const ageMs = committedSinceMs === null ? null : nowMs - committedSinceMs;
  const isWithin = ageMs !== null && ageMs >= 0 && ageMs <= ROLLBACK_WINDOW_MS;
  if (isWithin || isForced) return { kind: 'go-back', from, to };
  const since = committedSinceMs === null ? 'an unknown time' : timeText(committedSinceMs);
  return refuse('rollback-too-late', `${from.version} was committed at ${since}`);
}

/** What the host could find out of the version before. */
export interface BeforeFacts {
  readonly to: Slot;
  /** Why it is not, byte for byte, what its digest says; null: it is. */
  readonly damage: string | null;
  /** Number of the schema of agent.db that it writes; null: its manifest cannot be read. */
  readonly stateSchema: number | null;
  /** The oldest schema number that can read agent.db as it is. */
  readonly readableSince: number;
  /** Its maker says that the state of the version that is left cannot be read by those before it. */
  readonly isIrreversible: boolean;
  readonly rehearsal: RehearsalBefore;
  readonly isForced: boolean;
}

export type RehearsalBefore =
  | { readonly outcome: RehearsalOutcome; readonly detail: string }
  | { readonly outcome: 'switched-off' }
  /** There was nobody who could. */
  | { readonly outcome: 'not-done'; readonly detail: string };

/** The step of a rehearsal that reads the state, as its detail begins. */
const STATE_STEP = 'state: ';

/** A13: why this host must not go back to it; null: it may. Unreadable state is what no force gets past. */
export function troubleGoingBack(facts: BeforeFacts): Trouble | null {
  const { to, damage, stateSchema, readableSince, isIrreversible, rehearsal, isForced } = facts;
  if (damage !== null) return refuse('slot-corrupt', damage);
  if (isIrreversible || stateSchema === null || stateSchema < readableSince) {
    const knows = `${to.version} knows schema ${stateSchema ?? 'unknown'}`;
    const why = isIrreversible ? 'the version that runs is irreversible' : knows;
    return refuse('state-too-new', `agent.db is readable since schema ${readableSince}; ${why}`);
  }
  switch (rehearsal.outcome) {
    case 'passed':
    case 'switched-off':
    // The world may be away; that is when an owner is alone with the host.
    case 'not-reached':
      return null;
    case 'failed':
      if (rehearsal.detail.startsWith(STATE_STEP)) {
        return refuse('state-too-new', `${to.version}: ${rehearsal.detail}`);
      }
      break;
    case 'not-done':
      break;
  }
  if (isForced) return null;
  return refuse('rollback-unproved', `${to.version}: ${rehearsal.detail}`);
}

/** How it is said of what an owner did: by whom, and why. */
export function saidOf({ by, why }: { readonly by: string; readonly why: string }): string {
  const who = by === '' ? 'the owner of the host' : by;
  return why === '' ? who : `${who}: ${why}`;
}

function refuse(code: ErrorCode, message: string): Trouble {
  return { kind: 'refuse', code, message };
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}
