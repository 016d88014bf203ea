/*
 * What an agent needs of the world. Everything that waits, stores, connects or ends a process comes through here,
 * so that a simulation can give a network without sockets, a disk that loses power, and a clock without time.
 * The real ones are put together in compose.ts.
 */
import type { AgentPipeMessage, LauncherPipeMessage, Slot } from '@moult/core/boot';
import type { Keeping, SlotChanges } from '@moult/core/changed-files';
import type { Component } from '@moult/core/component';
import type { Labels } from '@moult/core/labels';
import type { Manifest } from '@moult/core/manifest';
import type { Platform } from '@moult/core/platform';
import type { PreflightFacts } from '@moult/core/preflight';
import type { AgentFrame, CoordinatorFrame } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Random } from '@moult/runtime/random';
import type { AgentStore, Leader } from './database/index.ts';
import type { OutputSocket } from './output/socket.ts';
import type { OwnerSocket } from './owner/socket.ts';

/** One end of the pipe to the launcher. Messages and the end arrive in order; what comes before `listen` is kept. */
export interface LauncherChannel {
  /** Never throws: a message into a closed pipe is lost, and `onClosed` says so. */
  post(message: AgentPipeMessage): void;
  listen(listener: LauncherListener): void;
  close(): void;
}

export interface LauncherListener {
  onMessage(message: LauncherPipeMessage): void;
  onClosed(): void;
}

export type Received =
  | { readonly kind: 'frame'; readonly frame: CoordinatorFrame }
  /** A message of a newer minor version, to be answered with `unsupported`. */
  | { readonly kind: 'unsupported'; readonly field: number }
  | { readonly kind: 'invalid'; readonly reason: string }
  /** The connection is over; nothing follows. `code` is the close code of the WebSocket. */
  | { readonly kind: 'closed'; readonly code: number; readonly detail: string };

export interface Connection {
  /** Never throws: a frame into a closed connection is lost, and `next` says so. */
  send(frame: AgentFrame): void;
  /** The next thing that arrived, in order. Rejects with the signal's reason. */
  next(signal: AbortSignal): Promise<Received>;
  /** The same, if it has arrived already; null: nothing has. */
  arrived(): Received | null;
  /** TLS exporter value, hex; empty where there is no TLS. */
  channelBinding(): string;
  close(): void;
}

export interface Transport {
  /** Rejects with a coded error when no connection comes about. */
  connect(signal: AbortSignal): Promise<Connection>;
}

/** A release whose manifest the release keys vouch for. `proof` is handed back to the stager as it is. */
export interface TrustedRelease {
  readonly manifest: Manifest;
  readonly digest: string;
  readonly proof: unknown;
}

export interface Trust {
  /** Gets and checks the newest metadata. Rejects with a coded `trust-…` error. */
  refresh(signal: AbortSignal): Promise<void>;
  /** Rejects with `release-unknown`, `release-no-platform` or a `trust-…` error. */
  release(
    wanted: { readonly component: Component; readonly version: string },
    signal: AbortSignal,
  ): Promise<TrustedRelease>;
}

export interface StagingPlan {
  readonly bytesToWrite: number;
  readonly filesToWrite: number;
}

export type LackingBlobs = NonNullable<PreflightFacts['blobs']>;

export interface Staged {
  readonly slot: Slot;
  readonly bytesFetched: number;
  readonly bytesTotal: number;
}

/**
 * Slots below the prefix. A slot that `stage` gave is complete, checked and durable. What somebody has changed in a slot is kept
 * before it is replaced or removed; where that cannot be, neither is done (H16).
 */
export interface Slots {
  plan(release: TrustedRelease, signal: AbortSignal): Promise<StagingPlan>;
  /** What would have to be fetched, and whether it can be had. */
  lacking(release: TrustedRelease, signal: AbortSignal): Promise<LackingBlobs>;
  stage(
    release: TrustedRelease,
    options: {
      readonly signal: AbortSignal;
      readonly onProgress: (progress: {
        readonly bytesDone: number;
        readonly bytesTotal: number;
      }) => void;
    },
  ): Promise<Staged>;
  /** The manifest that lies in a slot; null if there is no readable one. */
  manifestOf(component: Component, slot: Slot): Promise<Manifest | null>;
  /** Directory names of a component's slots. */
  list(component: Component): Promise<readonly string[]>;
  /** Files of a slot that are not as its manifest says. *Quick*: what was not written to since it was read is not read again. */
  changesOf(
    component: Component,
    slot: Slot,
    options: { readonly signal: AbortSignal; readonly isQuick: boolean },
  ): Promise<SlotChanges>;
  /** What is kept on this host, oldest first. */
  keepings(): Promise<readonly Keeping[]>;
  remove(component: Component, dir: string): Promise<void>;
  clearStaging(): Promise<void>;
  /** Every slot directory that the boot record on disk names; null: it cannot be read, so nothing may go. */
  recordedDirs(): Promise<ReadonlySet<string> | null>;
}

export interface DiskFacts {
  /** Free bytes and inodes for this user where slots are staged; inodes null where the file system has no limit. */
  freeForSlots(): Promise<{ readonly bytes: number; readonly inodes: number | null }>;
  /** Why slots cannot be written; null: they can. */
  slotsTrouble(): Promise<string | null>;
  /** Another one whenever something else lies in the drop folder; empty: there is none. Never rejects. */
  dropStamp(): Promise<string>;
}

/** Who and where this process is. */
export interface Self {
  readonly instanceId: string;
  readonly agentName: string;
  readonly platform: Platform;
  /** Kernel boot id. */
  readonly bootId: string;
  /** For display: host name, operating system, kernel. */
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  /** By its configuration. */
  readonly labels: Labels;
  /** Whether proofs carry the TLS exporter value. */
  readonly bindsChannel: boolean;
  sign(text: string): Uint8Array;
}

export interface Timetable {
  /** Runs `work` by a cron expression, in the time zone (IANA name) or in that of this machine; returns what stops it. */
  start(expression: string, work: () => void, timeZone?: string): { stop(): void };
  /** Why a schedule could not be followed; null: it can. */
  trouble(schedule: { readonly cron: string; readonly timeZone: string }): Promise<string | null>;
}

/** The owner's list of tasks, which somebody may be editing. */
export interface TasksFile {
  /** Another one whenever the file may be another; empty: there is none. Never rejects. */
  stamp(): Promise<string>;
  /** Null: there is none. Rejects with `file-unreadable`, also where it is too large, or anybody could have written it. */
  read(): Promise<string | null>;
}

/** What the owner of the host leaves there. None of it rejects but `writeWord`, with `file-unwritable`. */
export interface OwnerFiles {
  /** For messages. */
  readonly wordPath: string;
  /** Null: nothing was ever said. */
  readWord(): Promise<string | null>;
  /** Durable when it resolves. */
  writeWord(text: string): Promise<void>;
  /** Names of lock files, some of them where there are many. */
  locks(): Promise<readonly string[]>;
}

export interface ProgramStart {
  readonly task: string;
  readonly run: string;
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** What its owner declared; the few variables that every program gets are the port's. */
  readonly environment: Readonly<Record<string, string>>;
}

/** In a process group of its own. */
export interface RunningProgram {
  readonly pid: number;
  /** Null: it was gone before anybody could look. */
  readonly leader: Leader | null;
  /** What it writes, as it comes; who does not ask for more holds the program up. They end soon after the leader has. */
  readonly output: readonly {
    readonly stream: 'stdout' | 'stderr' | 'result';
    readonly chunks: AsyncIterable<Uint8Array>;
  }[];
  /** The leader has ended; what was left of its group is ended too. */
  readonly ended: Promise<{ readonly exitCode: number | null; readonly signal: string | null }>;
  /** To the whole group. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}

export interface Programs {
  /** Rejects with `task-not-started`. */
  start(program: ProgramStart): Promise<RunningProgram>;
  /** Ends what is left of a run that another process of the agent has started. */
  endLeft(left: { readonly run: string; readonly leader: Leader | null }): Promise<void>;
}

export interface AgentPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly self: Self;
  readonly launcher: LauncherChannel;
  readonly transport: Transport;
  readonly trust: Trust;
  readonly slots: Slots;
  readonly disk: DiskFacts;
  readonly timetable: Timetable;
  readonly tasksFile: TasksFile;
  readonly programs: Programs;
  /** How long an upgrade, or a restart, waits for tasks that run; null: as long as they do. */
  readonly drainLimitMs: number | null;
  /** The host's owner has switched the pre-upgrade test off. */
  readonly isPreflightOff: boolean;
  readonly outputSocket: OutputSocket;
  readonly ownerFiles: OwnerFiles;
  readonly ownerSocket: OwnerSocket;
  /** Opens the agent's database; called once, and closed at the end. */
  openStore(): AgentStore;
}
