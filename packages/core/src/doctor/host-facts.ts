/* What `moult doctor` finds on a host, beyond the pre-upgrade test. */
import type { RecordReading } from '../boot/index.ts';
import type { Component } from '../component.ts';
import type { OwnerHold, OwnerWord } from '../owner-word.ts';
import type { AgentCondition, UpgradeState } from '../upgrade/index.ts';
import type { Version } from '../versions.ts';
import type { Found } from './check.ts';
import type { CertificateFacts, SignedFacts } from './lifetimes.ts';

export interface HostFacts {
  readonly nowMs: number;
  readonly firstLauncher: Found<FirstLauncherFacts>;
  readonly boot: Found<BootFacts>;
  readonly processes: Found<ProcessFacts>;
  /** Slots that lie there for a day when they are needed, and that no pre-upgrade test reads. */
  readonly slots: Found<readonly SlotFacts[]>;
  readonly database: Found<DatabaseFacts | null>;
  /** Null: there is no agent.db yet. */
  readonly state: Found<AgentStateFacts | null>;
  readonly owner: Found<OwnerFacts>;
  readonly tasks: Found<{ readonly names: readonly string[]; readonly trouble: string }>;
  /** Null: the coordinator's certificate is of a public authority. */
  readonly ca: Found<CertificateFacts | null>;
  /** Null: no metadata is kept yet. */
  readonly metadata: Found<readonly SignedFacts[] | null>;
  /** Names of damaged files that agent and launcher have kept. */
  readonly keptAside: Found<readonly string[]>;
}

export interface FirstLauncherFacts {
  readonly dir: string;
  readonly isThere: boolean;
  /** Null: it does not say. */
  readonly version: Version | null;
  /** Why it is not what its manifest names; null: it is. */
  readonly damage: string | null;
  readonly ownerUid: number;
  /** Another user than root could change what root's unit starts. Of a root of its own that is the owner's affair. */
  readonly wantsRoot: boolean;
}

export interface BootFacts {
  readonly path: string;
  readonly reading: RecordReading;
  /** When it was written last; null: there is none. A trial that is watched is written once a minute. */
  readonly writtenMs: number | null;
}

export interface ProcessFacts {
  /** Process ids; null: there is none. */
  readonly launcher: number | null;
  readonly agent: number | null;
}

export interface SlotFacts {
  readonly component: Component;
  readonly kind: 'committed' | 'previous';
  readonly version: Version;
  readonly damage: string | null;
}

export interface DatabaseFacts {
  readonly path: string;
  readonly bytes: number;
  readonly schema: number;
  readonly readableSince: number;
  /** The newest schema that this program knows. */
  readonly knownSchema: number;
  /** What is damaged; null: nothing that was read. */
  readonly damage: string | null;
  readonly isReadInFull: boolean;
}

export interface AgentStateFacts {
  readonly upgrade: UpgradeState;
  readonly condition: AgentCondition;
  /** Null: it has one, or has not tried. */
  readonly noSession: { readonly code: string; readonly message: string } | null;
  readonly outbox: OutboxFacts;
}

export interface OwnerFacts extends OwnerWord {
  /** What of it holds upgrades now. */
  readonly marks: readonly OwnerHold[];
  /** Paths of lock files. */
  readonly locks: readonly string[];
}

export interface OutboxFacts {
  readonly items: number;
  readonly bytes: number;
  readonly bytesMax: number;
  /** Of the oldest record; null: there is none. */
  readonly oldestMs: number | null;
  readonly ageMsMax: number;
}
