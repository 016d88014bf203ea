/*
 * The tables, as Kysely sees them. Portable between engines: texts, whole numbers and bytes only. Times are Unix
 * ms, booleans 0 or 1, lists and records JSON text. A component is part of every key that could ever need it.
 */
import type { AgentState } from '@moult/core/agent-state';
import type { CommandKind, CommandState } from '@moult/core/command';
import type { Component } from '@moult/core/component';
import type { DesiredScope } from '@moult/core/desired';
import type { Role } from '@moult/core/permission';
import type { Pace } from '@moult/core/upgrade';
import type { Generated } from 'kysely';
import type { LifeTable, OrphanTable } from './restore-tables.ts';
import type { RolloutMemberTable, RolloutTable, RolloutWaveTable } from './rollout-tables.ts';

export type Bit = 0 | 1;

export interface MetaTable {
  /** schema, readable-since, generation. */
  readonly key: string;
  readonly value: string;
}

export interface PrincipalTable {
  readonly name: string;
  readonly created_ms: number;
  readonly created_by: string;
  /** Since schema 11, as all that follow. Null: made before; its access tokens have one each. */
  readonly role: Role | null;
  readonly why: Generated<string>;
  readonly revoked_ms: number | null;
  readonly revoked_by: string | null;
}

export interface TokenTable {
  readonly id: string;
  readonly kind: 'enrollment' | 'access';
  /** sha256 of the secret's 256 random bits: enough for what cannot be guessed. */
  readonly secret_hash: string;
  /** Whom an access token speaks for; who made it for an enrollment token. */
  readonly principal: string;
  readonly role: Role | null;
  readonly group_name: string | null;
  readonly validates: Bit;
  /** Null: any number. */
  readonly uses_left: number | null;
  readonly expires_ms: number | null;
  readonly created_ms: number;
  readonly created_by: string;
  readonly why: string;
  readonly revoked_ms: number | null;
  readonly revoked_by: string | null;
  /** Since schema 3. The agent whose instance the one that enrolls with it replaces; null: of none. */
  readonly replaces: string | null;
}

/** Which keys a token let in: the same key may ask again, another use is another key. */
export interface TokenUseTable {
  readonly token_id: string;
  readonly public_key: string;
  readonly instance_id: string;
  readonly used_ms: number;
}

export interface GroupTable {
  readonly name: string;
  readonly created_ms: number;
  readonly created_by: string;
  /** Since schema 8. How many of its agents may be upgrading at once, for each component. */
  readonly unavailable_max: Generated<number>;
}

export interface AgentTable {
  readonly name: string;
  readonly group_name: string;
  readonly labels: string;
  readonly created_ms: number;
}

export interface InstanceTable {
  readonly id: string;
  readonly agent_name: string;
  /** Raw Ed25519 public key, base64url. */
  readonly public_key: string;
  /** Redundant instances share a name: one is active, the others stand by. A removed one is kept: its key is refused. */
  readonly role: 'active' | 'standby' | 'removed';
  readonly platform: string;
  readonly binds_channel: Bit;
  readonly enrolled_ms: number;
  readonly enrolled_with: string;
  readonly validated_by: string | null;
  readonly validated_ms: number | null;
  readonly validated_why: string | null;
  readonly quarantined_ms: number | null;
  readonly quarantined_why: string | null;
  readonly session_counter: number;
  readonly session_ticket: string;
  readonly session_previous_ticket: string;
  readonly capabilities: string;
  readonly facts: string;
  readonly boot_id: string;
  readonly last_seen_ms: number | null;
  readonly state: AgentState;
  readonly marks: string;
  readonly is_idle: Bit;
  /** The reported upgrade as JSON, null when there is none. */
  readonly upgrade: string | null;
  /** Null: nothing was reported since it proved the digest that it shows. */
  readonly upgrade_since_ms: number | null;
  readonly output_epoch: string;
  readonly output_sequence: number;
  readonly revision: number;
  /** Since schema 2. When its last session was opened; null: none was since. */
  readonly came_up_ms: number | null;
  /** Since schema 2. The store's generation in which its last session was opened. */
  readonly generation: number;
  readonly removed_ms: number | null;
  readonly removed_by: string | null;
  readonly removed_why: string | null;
  /** Since schema 3. The life of the store (generation) that it was found ahead of; 0: of none. */
  readonly ahead_generation: number;
  /** Position in history at which what it then proved counts as given: of the restore that lost it. */
  readonly ahead_position: number | null;
  /** Since when that is so; null: not yet, it is on trial. */
  readonly settled_ms: number | null;
  /** Since schema 5. Tasks that the host offers, JSON of TaskOffer[]; empty: no host that has tasks has said yet. */
  readonly tasks: string;
  /** Since schema 5. Why its host goes on with an earlier configuration; empty: it does not. */
  readonly configuration_trouble: string;
  /** Since schema 5. Of its rows in `output`. */
  readonly output_bytes: number;
  /** Since schema 7. What its host keeps of changed files, JSON of ReportedKeeping[]; empty: nothing. */
  readonly kept: string;
  readonly host_labels: string;
}

export interface InstanceComponentTable {
  readonly instance_id: string;
  readonly component: Component;
  readonly current_version: string | null;
  readonly current_digest: string | null;
  readonly previous_version: string | null;
  readonly previous_digest: string | null;
  /** JSON list of {version, digest}. */
  readonly refused: string;
  readonly trial_attempt_id: string;
  /** What a session proved last; for the launcher: what the agent's proof-bearing hello said. */
  readonly attested_version: string | null;
  readonly attested_digest: string | null;
  /** What the last finished order gave it, and when in history. */
  readonly given_version: string | null;
  readonly given_digest: string | null;
  readonly given_position: number | null;
  /** Since schema 17. Position of the move that made another choice hold; 0: none did. */
  readonly since_position: number;
  /** The digest for which `reopened` was written last: said once a digest. */
  readonly reopened_digest: string | null;
  /** Since schema 7. Files of the current version that are not as its manifest says, JSON of SlotChanges; empty: none. */
  readonly changed: string;
}

export interface ChoiceTable {
  readonly scope: DesiredScope;
  /** Group or agent name; empty for the fleet. */
  readonly subject: string;
  readonly component: Component;
  readonly version: string;
  readonly position: number;
  readonly created_ms: number;
  readonly created_by: string;
  readonly why: string;
}

/** Since schema 4. A choice that was taken back: what is chosen farther away holds since then (C21). */
export type WithdrawnChoiceTable = Omit<ChoiceTable, 'version'>;

export interface CommandTable {
  readonly id: string;
  readonly kind: CommandKind;
  readonly instance_id: string;
  readonly agent_name: string;
  readonly group_name: string;
  /** For other kinds than autoUpgrade: the agent, and no version. */
  readonly component: Component;
  readonly version: string;
  readonly is_forced: Bit;
  readonly is_revert: Bit;
  readonly state: CommandState;
  readonly hold_reason: string | null;
  /** What the host itself waits for, by its last progress. */
  readonly host_hold_reason: string | null;
  readonly attempt: number;
  readonly nonce: string;
  readonly not_before_ms: number;
  readonly not_after_ms: number;
  /**
   * A person's order; what a choice or a rollout asks for (these take turns in their group); a repair; or what a host was
   * found at that this store, restored from a backup, knew nothing of.
   */
  readonly origin: 'manual' | 'choice' | 'repair' | 'adopted' | 'rollout';
  readonly idempotency_key: string | null;
  /** History position of its creation. */
  readonly position: number;
  readonly created_ms: number;
  readonly created_by: string;
  readonly why: string;
  readonly sent_ms: number | null;
  readonly ended_ms: number | null;
  readonly outcome: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly revision: number;
  /** Since schema 5. Of a task its name and, as JSON, its parameters; null for all other kinds. */
  readonly task: string | null;
  readonly parameters: string | null;
  /** Since schema 5. When its host said that it is over, also where it was taken back before; null: it has not. */
  readonly host_ended_ms: number | null;
  /** Since schema 10. Which rollout ordered it; null: none did. */
  readonly rollout_id: string | null;
  /** Since schema 15. Of an autoUpgrade; `now` for all other kinds. */
  readonly pace: Pace;
  /** Since schema 15. While it is in flight it takes one of its group's places; a soft one from its drain on. */
  readonly has_place: Bit;
}

export interface AttemptTable {
  readonly command_id: string;
  readonly attempt: number;
  readonly instance_id: string;
  readonly agent_name: string;
  readonly component: Component;
  readonly from_version: string | null;
  readonly from_digest: string | null;
  readonly to_version: string;
  readonly started_ms: number;
  readonly ended_ms: number | null;
  readonly outcome: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly bytes_fetched: number;
  readonly bytes_total: number;
  readonly rehearsal: string;
  readonly steps: string;
  readonly evidence: string | null;
  /** By the coordinator's clock: the drain was granted, the new process was attested, it was told to commit. */
  readonly drained_ms: number | null;
  readonly attested_ms: number | null;
  readonly attested_version: string | null;
  readonly attested_digest: string | null;
  readonly confirmed_ms: number | null;
  /** Since schema 2. The switch was granted: from here on nothing takes it back. */
  readonly switched_ms: number | null;
}

export interface HistoryTable {
  readonly position: Generated<number>;
  readonly at_ms: number;
  readonly kind: string;
  readonly agent_name: string | null;
  readonly instance_id: string | null;
  readonly component: string | null;
  readonly command_id: string | null;
  readonly attempt: number | null;
  readonly principal: string;
  readonly why: string;
  readonly detail: string;
  /** Since schema 10. Of what happened to a rollout, and to the commands that it ordered. */
  readonly rollout_id: string | null;
}

export interface ReleaseTable {
  readonly component: Component;
  readonly version: string;
  readonly state: 'imported' | 'published';
  readonly imported_ms: number;
  readonly imported_by: string;
  readonly published_ms: number | null;
  readonly published_by: string | null;
  readonly why: string;
}

export interface ReleasePlatformTable {
  readonly component: Component;
  readonly version: string;
  readonly platform: string;
  readonly digest: string;
  readonly manifest_bytes: number;
  readonly bytes: number;
  readonly files: number;
  readonly minimum_launcher: string | null;
  /** Since schema 14. By its manifest; of what was imported before nobody knows. */
  readonly is_irreversible: Bit;
}

/** Since schema 5. Output, in the order in which this store got it. */
export interface OutputTable {
  readonly position: Generated<number>;
  readonly instance_id: string;
  readonly epoch: string;
  readonly sequence: number;
  /** A gap's content is JSON: reason, items, bytes; so is what a host told of a run (TaskRunTable). */
  readonly kind: 'record' | 'gap' | 'run';
  readonly stream: string;
  /** Both empty: handed in by a program of the host. */
  readonly task: string;
  readonly run: string;
  /** By the host's clock. */
  readonly at_ms: number;
  readonly received_ms: number;
  readonly content: Uint8Array;
}

/** Since schema 5. One run of a task, as its host told it last. */
export interface TaskRunTable {
  readonly instance_id: string;
  readonly run: string;
  readonly agent_name: string;
  readonly task: string;
  /** Empty: its schedule started it, or an order that this store does not know. */
  readonly command_id: string;
  readonly attempt: number;
  readonly started_ms: number;
  /** Null: it runs. */
  readonly ended_ms: number | null;
  readonly outcome: 'succeeded' | 'failed' | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly output_bytes: number;
  readonly dropped_bytes: number;
  readonly starts: number;
  readonly received_ms: number;
}

/** Since schema 5. How far output was handed on to each target of the configuration. */
export interface ForwardTable {
  readonly target: string;
  /** The last position of `output` that it has. */
  readonly position: number;
  /** Null: the last try went well. */
  readonly failing_since_ms: number | null;
  readonly trouble: string;
  readonly tried_ms: number;
}

/** Since schema 13. What operators have set (core/settings). */
export interface SettingTable {
  readonly key: string;
  /** Empty: of the fleet. */
  readonly group_name: string;
  readonly value: string;
  readonly changed_ms: number;
  readonly changed_by: string;
  readonly why: string;
}

export interface Database {
  readonly settings: SettingTable;
  readonly rollouts: RolloutTable;
  readonly rollout_waves: RolloutWaveTable;
  readonly rollout_members: RolloutMemberTable;
  readonly meta: MetaTable;
  readonly principals: PrincipalTable;
  readonly tokens: TokenTable;
  readonly token_uses: TokenUseTable;
  readonly groups: GroupTable;
  readonly agents: AgentTable;
  readonly instances: InstanceTable;
  readonly instance_components: InstanceComponentTable;
  readonly choices: ChoiceTable;
  readonly withdrawn_choices: WithdrawnChoiceTable;
  readonly commands: CommandTable;
  readonly attempts: AttemptTable;
  readonly history: HistoryTable;
  readonly releases: ReleaseTable;
  readonly release_platforms: ReleasePlatformTable;
  readonly output: OutputTable;
  readonly task_runs: TaskRunTable;
  readonly forwards: ForwardTable;
  readonly lives: LifeTable;
  readonly orphans: OrphanTable;
}
