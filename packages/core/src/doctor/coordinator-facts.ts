/* What `moult doctor` finds at a coordinator. */
import type { Component } from '../component.ts';
import type { Found } from './check.ts';
import type { DatabaseFacts } from './host-facts.ts';
import type { CertificateFacts, SignedFacts } from './lifetimes.ts';

export interface CoordinatorFacts {
  readonly nowMs: number;
  readonly configPath: string;
  /** What others could read or change, and how to mend each. */
  readonly permissions: Found<readonly string[]>;
  readonly disk: Found<DiskFacts>;
  readonly database: Found<DatabaseFacts>;
  /** Null: it serves without TLS. */
  readonly certificate: Found<CertificateFacts | null>;
  /** Its own authority; null: it has none. */
  readonly ca: Found<CertificateFacts | null>;
  readonly roles: Found<readonly RoleFacts[]>;
  /** Null: the keys that the root names are there. */
  readonly onlineKeys: Found<null>;
  readonly blobs: Found<BlobFacts>;
  /** When the last one was made; null: none that is known. */
  readonly backup: Found<number | null>;
  readonly administrators: Found<readonly AdministratorFacts[]>;
  readonly choices: Found<ChoiceFacts>;
  readonly fleet: Found<FleetFacts>;
  readonly forwards: Found<readonly ForwardFacts[]>;
  /** When it was restored; null: never, or it is adopted. */
  readonly unadopted: Found<number | null>;
  /** Null: it does not run, or its process is not to be found. */
  readonly handles: Found<HandleFacts | null>;
  readonly answer: Found<AnswerFacts>;
}

/** A principal with a valid token. */
export interface AdministratorFacts {
  readonly name: string;
  /** When the last of its tokens ends; null: never. */
  readonly endsMs: number | null;
}

export interface DiskFacts {
  readonly dir: string;
  readonly bytes: number;
  /** Null: made as they are needed. */
  readonly inodes: number | null;
}

export interface RoleFacts extends SignedFacts {
  readonly sizeBytes: number;
}

export interface BlobFacts {
  /** Those that are wanted, or lie on hosts: by release and platform. */
  readonly releases: number;
  readonly files: number;
  readonly bytes: number;
  readonly troubles: readonly string[];
  /** Their bytes were read, and not only counted. */
  readonly isDeep: boolean;
}

export interface ChoiceFacts {
  readonly count: number;
  /** Agents that a choice holds for, and that could never run it. */
  readonly impossible: readonly {
    readonly component: Component;
    readonly version: string;
    readonly platform: string;
    readonly agents: number;
  }[];
}

/** Some names, and how many there are. */
export interface SomeAgents {
  readonly names: readonly string[];
  readonly count: number;
}

export interface FleetFacts {
  readonly agents: number;
  readonly quarantined: SomeAgents;
  readonly unvalidated: SomeAgents;
  /** Not seen for `DOWN_LONG_MS`. */
  readonly downLong: SomeAgents;
  readonly upgradeFailed: SomeAgents;
  readonly tooOld: SomeAgents;
}

export interface ForwardFacts {
  readonly target: string;
  readonly failingSinceMs: number | null;
  readonly trouble: string;
}

/** Of the process that serves: each session is one. */
export interface HandleFacts {
  readonly pid: number;
  readonly open: number;
  readonly max: number;
}

export interface AnswerFacts {
  readonly url: string;
  readonly isReady: boolean;
}
