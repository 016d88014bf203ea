import type { Component } from '../component.ts';
import type { Version } from '../versions.ts';
import type { Evidence, HealthSample, RefusalReason } from './evidence.ts';
import type { LauncherPipeMessage } from './pipe.ts';
import type { BootRecord, Slot } from './record.ts';
import type { Heartbeat, Verdict } from './verdict.ts';

/** What the launcher knows in each state. */
export interface Life {
  /** As saved: a step that changes it is saved before its orders are carried out. */
  readonly record: BootRecord;
  /** Kernel boot id of this boot of the host. */
  readonly bootId: string;
  /** The launcher's own version; digest null: the first launcher itself. */
  readonly self: { readonly version: Version; readonly digest: string | null };
  /** Runs in a row that ended badly: the exponent of the backoff. */
  readonly failures: number;
  /** Watched time left of the launcher's own trial, in ms; null: it is not on trial. */
  readonly launcherLeftMs: number | null;
}

export type Boot =
  | { readonly kind: 'committed'; readonly slot: Slot }
  /** The committed slot could not be started at all. */
  | { readonly kind: 'previous'; readonly slot: Slot }
  | TrialBoot;

export interface TrialBoot {
  readonly kind: 'trial';
  readonly slot: Slot;
  readonly attemptId: string;
  /** Where the verdict goes on. */
  readonly verdict: Verdict;
}

/** One process of the agent. */
export interface Run {
  readonly ticks: number;
  /** Ticks since the last heartbeat. */
  readonly silentTicks: number;
  readonly last: Heartbeat | null;
  readonly samples: readonly HealthSample[];
  /** Changed the record by a request: its exit code 75 is expected, and boots at once. */
  readonly hasNews: boolean;
}

/** What happens when the process that is being ended has ended. */
export type Purpose =
  | { readonly kind: 'end' }
  /** Boot what the record says. */
  | { readonly kind: 'boot' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'probe'; readonly strikes: number }
  | { readonly kind: 'refuse'; readonly reason: RefusalReason; readonly detail: string }
  | { readonly kind: 'refuse-launcher' };

export type SupervisionState =
  | { readonly kind: 'idle'; readonly life: Life }
  | { readonly kind: 'starting'; readonly life: Life; readonly boot: Boot }
  | { readonly kind: 'running'; readonly life: Life; readonly boot: Boot; readonly run: Run }
  | { readonly kind: 'watching'; readonly life: Life; readonly boot: TrialBoot; readonly run: Run }
  | {
      readonly kind: 'stopping';
      readonly life: Life;
      readonly boot: Boot;
      readonly run: Run;
      readonly purpose: Purpose;
      /** Asked to end meanwhile: what the purpose records is recorded, then the launcher ends. */
      readonly isEnding: boolean;
    }
  /** The new version is stopped; the previous one probes. */
  | { readonly kind: 'probing'; readonly life: Life; readonly strikes: number }
  | { readonly kind: 'backing-off'; readonly life: Life }
  | { readonly kind: 'ended'; readonly life: Life; readonly exitCode: number };

export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly logLines: readonly string[];
}

interface Asked {
  readonly id: number;
  readonly component: Component;
  readonly attemptId: string;
}

/** `ticked` is one HEARTBEAT_MS of the launcher's own watching: a paused machine does not tick. */
export type OccurredEvent =
  | { readonly kind: 'started' }
  | { readonly kind: 'spawned' }
  | {
      readonly kind: 'spawn-failed';
      readonly message: string;
      /** The host could start no program just now (no process, memory or handle left): it says nothing of the version. */
      readonly isHostTrouble: boolean;
      readonly logLines: readonly string[];
    }
  | { readonly kind: 'heartbeat'; readonly heartbeat: Heartbeat }
  | { readonly kind: 'ticked' }
  | ({ readonly kind: 'try-asked'; readonly slot: Slot; readonly watchedMs: number } & Asked)
  | ({ readonly kind: 'commit-asked' } & Asked)
  | ({ readonly kind: 'refuse-asked'; readonly evidence: Evidence } & Asked)
  | ({ readonly kind: 'roll-back-asked'; readonly evidence: Evidence } & Asked)
  | { readonly kind: 'dialled'; readonly reached: boolean }
  | { readonly kind: 'probed'; readonly reached: boolean }
  | ({ readonly kind: 'exited' } & ProcessEnd)
  | { readonly kind: 'waited' }
  | { readonly kind: 'stop-asked' };

export type SupervisionEvent =
  | OccurredEvent
  /** The record that `of` led to could not be saved: the state is as before it, and nothing of it was carried out. */
  | { readonly kind: 'save-failed'; readonly of: OccurredEvent; readonly message: string };

export type Order =
  /** `isChecked`: every byte of the slot is held against its manifest first (B19). */
  | { readonly kind: 'spawn'; readonly slot: Slot; readonly isChecked: boolean }
  | { readonly kind: 'send'; readonly message: LauncherPipeMessage }
  /** Ask it to stop, kill its process group after the grace; 0: kill at once. `exited` follows. */
  | { readonly kind: 'end-agent'; readonly graceMs: number }
  | { readonly kind: 'probe'; readonly slot: Slot }
  | { readonly kind: 'wait'; readonly ms: number };

export interface SupervisionStep {
  readonly state: SupervisionState;
  readonly orders: readonly Order[];
}

export type StateOf<K extends SupervisionState['kind']> = Extract<
  SupervisionState,
  { readonly kind: K }
>;
export type EventOf<K extends SupervisionEvent['kind']> = Extract<
  SupervisionEvent,
  { readonly kind: K }
>;
