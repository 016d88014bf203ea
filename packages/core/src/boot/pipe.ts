/*
 * Agent and launcher talk over an inherited socket pair (file descriptor PIPE_FD of the agent): one JSON object a
 * line, UTF-8, at most PIPE_LINE_BYTES_MAX. Frozen contract: unknown kinds are answered with `unsupported`,
 * unknown fields ignored. Requests carry `id`; each is answered after its fsync by `done` or `failed` with that id.
 */
import type { Component } from '../component.ts';
import type { Version } from '../versions.ts';
import type { Evidence } from './evidence.ts';
import type { Refusal, Slot } from './record.ts';

export const PIPE_VERSION = 1;
export const PIPE_FD = 3;
/** Evidence is the largest thing on the pipe: 200 lines of 500 characters, escaped. */
export const PIPE_LINE_BYTES_MAX = 1_048_576;

/** What the launcher tells the agent first, before anything else: what it is running. */
export interface Spawned {
  readonly kind: 'spawned';
  readonly pipe: number;
  readonly launcherVersion: Version;
  /** Digest of the launcher's own slot; null: it is the first launcher itself. */
  readonly launcherDigest: string | null;
  readonly slot: Slot;
  /** The attempt under trial in each component, and what was refused: the agent tells its own fate from these. */
  readonly components: Readonly<
    Record<
      Component,
      {
        readonly committed: Slot | null;
        readonly previous: Slot | null;
        readonly trialAttemptId: string | null;
        readonly refused: readonly Refusal[];
      }
    >
  >;
}

/** *Not reached*: all is well with this version but that nobody answered it, for which the world may be to blame. */
export type RehearsalOutcome = 'passed' | 'not-reached' | 'failed';

export type PipeRequest =
  | {
      readonly kind: 'try';
      readonly id: number;
      readonly component: Component;
      readonly slot: Slot;
      readonly attemptId: string;
      /** How long it must be healthy, in ms; the watched time is ten times that. */
      readonly probationMs: number;
    }
  | {
      readonly kind: 'commit';
      readonly id: number;
      readonly component: Component;
      readonly attemptId: string;
    }
  | {
      readonly kind: 'refuse';
      readonly id: number;
      readonly component: Component;
      readonly attemptId: string;
      readonly evidence: Evidence;
    }
  /** The owner of the host goes back from what is committed to the version before; then this process leaves with 75. */
  | {
      readonly kind: 'roll-back';
      readonly id: number;
      readonly component: Component;
      /** Names this rollback; a repeated one is answered `done`. */
      readonly attemptId: string;
      readonly evidence: Evidence;
    }
  | { readonly kind: 'rehearse'; readonly id: number; readonly slot: Slot }
  /** Start it now, as far as a start comes without the state, so that it serves at once when it is booted. */
  | { readonly kind: 'prepare'; readonly id: number; readonly slot: Slot }
  /** Answers a `dial`: whether a session came about. */
  | { readonly kind: 'dialled'; readonly id: number; readonly reached: boolean };

export type AgentPipeMessage =
  | {
      readonly kind: 'heartbeat';
      /** An authenticated answer of the coordinator, also *busy*, is at most 90 s old. */
      readonly reached: boolean;
      /** Own checks pass, among them: can still upgrade. */
      readonly healthy: boolean;
      /** Why not healthy; null when it is. */
      readonly trouble: string | null;
      /** Nothing runs that a probe with this process stopped would interrupt. */
      readonly idle: boolean;
    }
  /** The first word of a process that was prepared: it waits for `spawned`, and touches nothing before it. */
  | { readonly kind: 'prepared' }
  | PipeRequest;

export type LauncherPipeMessage =
  | Spawned
  | { readonly kind: 'done'; readonly id: number }
  | {
      readonly kind: 'failed';
      readonly id: number;
      readonly code: string;
      readonly message: string;
    }
  | {
      readonly kind: 'rehearsed';
      readonly id: number;
      readonly outcome: RehearsalOutcome;
      /** Why it did not pass, for people; empty: it did. */
      readonly detail: string;
    }
  /** Connect now, answer with `dialled`. */
  | { readonly kind: 'dial' }
  /** What a probe by another version found, for the log and the history. */
  | { readonly kind: 'probed'; readonly version: Version; readonly reached: boolean }
  /** End with exit code 0 within the grace; a second one, or the grace's end, kills. */
  | { readonly kind: 'stop'; readonly graceMs: number }
  | { readonly kind: 'unsupported'; readonly id: number | null; readonly what: string };

/** Exit codes by which the agent speaks to its launcher, and the launcher to its unit. */
export const EXIT = { stop: 0, bootRecorded: 75, restartSame: 76 } as const;

/** `<program> <script> --probe --root …`: can this version reach the coordinator, and refresh its metadata? */
export const PROBE_EXIT = { reached: 0, notReached: 10 } as const;

/**
 * `<program> <script> --rehearse --root …`: would this version serve here? None of them is 0, with which an empty script
 * ends. Its last line on standard output says why not.
 */
export const REHEARSAL_EXIT: Readonly<Record<RehearsalOutcome, number>> = {
  passed: 20,
  'not-reached': 21,
  failed: 22,
};

export const HEARTBEAT_MS = 5_000;
/** The launcher's own ticks without a heartbeat, each HEARTBEAT_MS: 60 s. A paused machine does not tick. */
export const HANG_TICKS = 12;
export const WATCHED_FACTOR = 10;
