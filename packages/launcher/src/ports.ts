/*
 * What a launcher needs of the world, so that a simulation can give its own: a disk that loses power, a spawner without
 * processes, a clock without time. Real ones: file-disk.ts, process-spawner.ts, system-host.ts.
 */
import type { Holder, LauncherPipeMessage, RehearsalOutcome, Slot } from '@moult/core/boot';
import type { Component } from '@moult/core/component';
import type { Clock } from '@moult/runtime/clock';

export interface LinkName {
  readonly component: Component;
  readonly name: 'current' | 'previous';
}

/** Each write is durable when it resolves; a rejected one left the old content. */
export interface BootDisk {
  /** Text of boot.json; null: there is none. Rejects if it cannot be read at all. */
  readRecord(): Promise<string | null>;
  writeRecord(text: string): Promise<void>;
  /** Renames boot.json to `boot.json.<suffix>`. */
  keepRecordAside(suffix: string): Promise<void>;
  /** Directory name of the slot that a display link points at; null: no such link. */
  readLink(link: LinkName): Promise<string | null>;
  /** Null removes the link. */
  writeLink(link: LinkName, dir: string | null): Promise<void>;
  /** Slots whose manifest is sound and whose files are all there in their lengths. Never rejects for a bad slot. */
  completeSlots(component: Component): Promise<readonly Slot[]>;
  readHolder(): Promise<Holder | null>;
}

export interface AgentEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

export interface AgentProcess {
  readonly pid: number;
  /** Never throws: a message to an ended process is lost. */
  send(message: LauncherPipeMessage): void;
  /** SIGKILL to its process group. */
  kill(): void;
  /** Resolves once it ended and what it said was delivered. */
  readonly ended: Promise<AgentEnd>;
}

export interface AgentListener {
  /** A line that came over the pipe, without its newline. */
  onLine(line: string): void;
  /** A line of its standard output or error. */
  onLog(line: string): void;
}

export type SpawnResult =
  | { readonly kind: 'spawned'; readonly agent: AgentProcess }
  | {
      readonly kind: 'failed';
      readonly message: string;
      /** The host could start no program just now, this one or another. */
      readonly isHostTrouble: boolean;
    };

export type RehearsalResult =
  | { readonly kind: 'ended'; readonly outcome: RehearsalOutcome; readonly detail: string }
  /** Of the host's doing: it says nothing about the version. */
  | { readonly kind: 'not-started'; readonly message: string };

export interface Spawner {
  /**
   * Starts what `spawn` would start, which waits for `spawned` then, and is handed over by the next `spawn` of that slot; any
   * other ends it, and so do ten minutes. Resolves when it waits; null: or why there is none.
   */
  prepare(slot: Slot): Promise<string | null>;
  /** Ends what was prepared and is not wanted any more. */
  dropPrepared(): void;
  /** `<slot>/<program> <slot>/<script> run --root DIR` with the pipe. Expected failures are values. */
  spawn(
    what: { readonly slot: Slot; readonly isChecked: boolean },
    listener: AgentListener,
  ): Promise<SpawnResult>;
  /** `<slot>/<program> <slot>/<script> --probe --root DIR`: whether it ended with PROBE_EXIT.reached within the limit. */
  probe(slot: Slot, signal: AbortSignal): Promise<boolean>;
  /**
   * `<slot>/<program> <slot>/<script> --rehearse --root DIR`, beside whatever runs, bounded in time and memory. Rejects
   * with the signal's reason, the process killed.
   */
  rehearse(slot: Slot, signal: AbortSignal): Promise<RehearsalResult>;
  /** Ends the process if it is still the recorded one; resolves when it is gone. */
  endHolder(holder: Holder, signal: AbortSignal): Promise<void>;
}

export interface Host {
  /** Kernel boot id of this boot. */
  readonly bootId: string;
  /** Tells the supervisor that the launcher is ready. Never rejects. */
  ready(): Promise<void>;
  /** Told at each tick: the watchdog covers the launcher alone. Never rejects. */
  alive(): Promise<void>;
}

export interface LauncherLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** A line that the agent printed, passed on as it is. */
  forward(line: string): void;
}

export interface LauncherPorts {
  readonly disk: BootDisk;
  readonly spawner: Spawner;
  readonly clock: Clock;
  readonly host: Host;
  readonly log: LauncherLog;
}
