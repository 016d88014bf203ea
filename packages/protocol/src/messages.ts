/*
 * The wire's messages as plain data, in the shape of proto/moult/v1/*.proto. Absent texts are '', absent numbers 0,
 * absent messages null: what proto3 means by absent. 64-bit numbers are safe integers; larger ones make a frame invalid.
 */
export interface SlotMessage {
  readonly version: string;
  readonly digest: string;
}

export interface ComponentReport {
  readonly component: string;
  readonly current: SlotMessage | null;
  readonly previous: SlotMessage | null;
  readonly refused: readonly SlotMessage[];
  readonly trialAttemptId: string;
  readonly rolledBack: OwnerRollback | null;
  readonly changed: readonly ChangedFileMessage[];
  readonly changedCount: number;
}

export interface OwnerRollback {
  readonly from: SlotMessage | null;
  readonly attemptId: string;
  readonly said: string;
}

export interface ChangedFileMessage {
  readonly path: string;
  readonly how: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface KeepingMessage {
  readonly dir: string;
  readonly component: string;
  readonly version: string;
  readonly keptMs: number;
  readonly changed: readonly ChangedFileMessage[];
  readonly changedCount: number;
}

export interface UpgradeReport {
  readonly commandId: string;
  readonly attempt: number;
  readonly component: string;
  readonly step: string;
  readonly isHealthy: boolean;
  readonly detail: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface EvidenceMessage {
  readonly reason: string;
  readonly detail: string;
  /** -1: none. */
  readonly exitCode: number;
  readonly signal: string;
  readonly logLines: readonly string[];
  readonly samples: readonly {
    readonly afterMs: number;
    readonly reached: boolean;
    readonly healthy: boolean;
  }[];
}

export interface FinishMessage {
  readonly commandId: string;
  readonly attempt: number;
  readonly component: string;
  /** Kind of core's Outcome. */
  readonly outcome: string;
  readonly code: string;
  readonly message: string;
  readonly evidence: EvidenceMessage | null;
  readonly from: SlotMessage | null;
  readonly current: SlotMessage | null;
  readonly steps: readonly { readonly step: string; readonly startedMs: number }[];
  readonly bytesFetched: number;
  readonly bytesTotal: number;
  readonly rehearsal: string;
  readonly wantedVersion: string;
}

export interface Hello {
  readonly instanceId: string;
  readonly purpose: string;
  readonly version: string;
  readonly digest: string;
  readonly platform: string;
  readonly protocolMinor: number;
  readonly capabilities: readonly string[];
  readonly counter: number;
  readonly ticket: string;
  readonly generationSeen: number;
  readonly positionSeen: number;
  readonly commandNonce: string;
  readonly launcherVersion: string;
  readonly launcherDigest: string;
  readonly agentName: string;
  readonly bootId: string;
}

export interface Report {
  readonly state: string;
  readonly marks: readonly string[];
  readonly components: readonly ComponentReport[];
  readonly upgrade: UpgradeReport | null;
  readonly isIdle: boolean;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  readonly tasks: readonly TaskOffer[];
  /** Empty: the configuration as it is now is used. */
  readonly configurationTrouble: string;
  readonly kept: readonly KeepingMessage[];
  /** By the configuration of the host. */
  readonly labels: readonly { readonly name: string; readonly value: string }[];
}

export interface TaskOffer {
  readonly name: string;
  readonly description: string;
  /** Their names. */
  readonly parameters: readonly string[];
  /** Cron expression; empty: ordered only. */
  readonly schedule: string;
  readonly timeZone: string;
}

/** Said when a run has started, and once more when it is over. */
export interface TaskRunMessage {
  readonly run: string;
  readonly task: string;
  /** Empty: its schedule started it. */
  readonly commandId: string;
  readonly attempt: number;
  readonly startedMs: number;
  /** 0: it runs. */
  readonly endedMs: number;
  /** Empty while it runs. */
  readonly outcome: '' | 'succeeded' | 'failed';
  readonly code: string;
  readonly message: string;
  /** -1: none. */
  readonly exitCode: number;
  readonly signal: string;
  readonly outputBytes: number;
  readonly droppedBytes: number;
  readonly starts: number;
}

interface AttemptRef {
  readonly commandId: string;
  readonly attempt: number;
}

export type OutputItem =
  | { readonly item: 'finish'; readonly finish: FinishMessage }
  | {
      readonly item: 'record';
      readonly record: {
        readonly stream: string;
        readonly atMs: number;
        readonly content: Uint8Array;
        /** Both empty: handed in by a program of the host. */
        readonly task: string;
        readonly run: string;
      };
    }
  | {
      readonly item: 'gap';
      readonly gap: {
        readonly reason: string;
        readonly items: number;
        readonly bytes: number;
        /** Sequence numbers that it takes; 0 is 1. */
        readonly covers: number;
      };
    }
  | { readonly item: 'taskRun'; readonly taskRun: TaskRunMessage };

/** Agent to coordinator, by the name of the frame's body field. */
export interface AgentMessages {
  readonly hello: Hello;
  readonly prove: { readonly signature: Uint8Array };
  readonly report: Report;
  readonly check: { readonly isFirst: boolean };
  readonly accept: AttemptRef;
  readonly progress: AttemptRef & {
    readonly step: string;
    readonly detail: string;
    readonly bytesDone: number;
    readonly bytesTotal: number;
    readonly holdReason: string;
  };
  readonly permission: AttemptRef & { readonly point: string };
  readonly output: {
    readonly epoch: string;
    readonly firstSequence: number;
    readonly items: readonly OutputItem[];
  };
  readonly pong: { readonly id: number };
  readonly unsupported: { readonly field: number };
}

export interface AutoUpgrade {
  readonly component: string;
  readonly version: string;
  readonly isForced: boolean;
  readonly isRevert: boolean;
  readonly nonce: string;
  /** Empty, or absent: now. */
  readonly pace?: string;
}

export interface CommandMessage extends AttemptRef {
  readonly notAfterMs: number;
  readonly generation: number;
  readonly position: number;
  /** All null: a kind of command that this reader does not know. */
  readonly autoUpgrade?: AutoUpgrade | null;
  readonly control?: { readonly action: string } | null;
  readonly task?: TaskOrder | null;
}

export interface TaskOrder {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
}

/** Coordinator to agent, by the name of the frame's body field. */
export interface CoordinatorMessages {
  readonly challenge: {
    readonly nonce: string;
    readonly nowMs: number;
    readonly protocolMinor: number;
  };
  readonly welcome: {
    readonly ticket: string;
    readonly nowMs: number;
    readonly generation: number;
    readonly position: number;
    readonly version: string;
    readonly capabilities: readonly string[];
    readonly outputEpoch: string;
    readonly outputSequence: number;
    readonly pingMs: number;
    readonly protocolMinor: number;
    readonly isValidated: boolean;
    /** Empty from coordinators of minor version 0. */
    readonly agentName: string;
  };
  readonly command: CommandMessage;
  readonly hold: { readonly reason: string; readonly detail: string };
  readonly outputAck: { readonly epoch: string; readonly lastSequence: number };
  readonly granted: AttemptRef & { readonly point: string };
  readonly denied: AttemptRef & {
    readonly point: string;
    readonly reason: string;
    readonly isFinal: boolean;
  };
  readonly confirm: AttemptRef;
  readonly reject: AttemptRef & { readonly reason: string };
  readonly cleanup: { readonly component: string; readonly commandId: string };
  readonly ping: { readonly id: number };
  readonly goodbye: { readonly reason: string; readonly retryAfterMs: number };
  readonly unsupported: { readonly field: number };
}

type FrameOf<M> = {
  [K in keyof M & string]: { readonly kind: K; readonly message: M[K] };
}[keyof M & string];

export type AgentFrame = FrameOf<AgentMessages>;
export type CoordinatorFrame = FrameOf<CoordinatorMessages>;
