/* What is known of a host before something is installed on it, or removed. */
import type { RecordReading } from '../boot/index.ts';

/** Who owns things. Without ids: to be made. */
export interface User {
  readonly name: string;
  readonly ids: { readonly uid: number; readonly gid: number } | null;
}

export interface Users {
  /** Who installs: root, or whoever tries it out under a directory. */
  readonly admin: User & { readonly ids: { readonly uid: number; readonly gid: number } };
  /** Who the program is to run as. */
  readonly service: User;
  /** Whether there is a group of the service user's name. */
  readonly hasServiceGroup: boolean;
}

export interface PathFacts {
  readonly kind: 'directory' | 'file' | 'other';
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

/** By absolute path; null: nothing is there. */
export type PathTable = Readonly<Record<string, PathFacts | null>>;

export interface UnitFacts {
  readonly name: string;
  readonly path: string;
  /** What it shall say. */
  readonly text: string;
  /** What it says; null: it is not there. */
  readonly found: string | null;
  /** Null: systemd does not run here, or is not to be touched. */
  readonly systemd: {
    readonly isEnabled: boolean;
    readonly isActive: boolean;
    /** The file changed behind its back. */
    readonly needsReload: boolean;
  } | null;
}

/** Whether an upgrade goes on, as the disk tells. */
export interface UpgradeFacts {
  readonly boot: RecordReading;
  /** Kind of the agent's upgrade record. */
  readonly upgradeKind: string;
  /** Why agent.db could not be read; null: it could, or there is none. */
  readonly databaseTrouble: string | null;
}

/** What lies in a directory to say whose it is. */
export interface DirectoryMark {
  readonly path: string;
  /** The root that it names; null inside: the system-wide installation. Null: no mark. */
  readonly of: { readonly root: string | null } | null;
  /** Whether the directory of that root is this very one, links followed. */
  readonly isSamePlace: boolean;
}

/** Another unit of Moult that has one of the directories as its own. */
export interface Neighbour {
  readonly unit: string;
  readonly path: string;
}
