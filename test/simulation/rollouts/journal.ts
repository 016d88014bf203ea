/*
 * What changed in a coordinator's database, in the order in which it did: triggers of our own write it beside the tables, so
 * that each look reads the few rows that are new, whatever code wrote them. Only what is committed is there.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';

export type Change =
  | {
      readonly on: 'rollout';
      readonly id: string;
      readonly name: string;
      readonly component: string;
      readonly version: string;
      readonly spec: string;
      /** Null: it was made. */
      readonly from: string | null;
      readonly state: string;
      readonly why: string;
      readonly origin: string;
      readonly reverts: string | null;
      readonly splitOf: string | null;
      readonly startsAfter: string | null;
      readonly startsMs: number | null;
      readonly outcome: string | null;
      readonly makers: readonly string[];
      readonly approvedBy: string | null;
    }
  | {
      readonly on: 'member';
      readonly rollout: string;
      readonly instance: string;
      readonly group: string;
      readonly wave: number;
      readonly command: string | null;
      readonly from: string | null;
      readonly state: string;
    }
  | ({ readonly on: 'wave'; readonly rollout: string; readonly wave: number } & {
      readonly approved: number;
      /** By COUNTED_STATES. */
      readonly counts: readonly number[];
    })
  | {
      readonly on: 'command';
      readonly id: string;
      readonly instance: string;
      readonly group: string;
      readonly component: string;
      readonly version: string;
      readonly kind: string;
      readonly origin: string;
      readonly pace: string;
      readonly code: string | null;
      readonly place: number;
      readonly from: string | null;
      readonly state: string;
    }
  | { readonly on: 'grant'; readonly command: string; readonly point: 'drain' | 'switch' }
  | { readonly on: 'group'; readonly group: string; readonly max: number }
  /** RO56 */
  | { readonly on: 'agent'; readonly name: string; readonly group: string }
  /** Planned anew: it is in it no more. */
  | { readonly on: 'gone'; readonly rollout: string; readonly instance: string }
  | { readonly on: 'life'; readonly adopted: number }
  | {
      readonly on: 'choice';
      readonly scope: string;
      readonly subject: string;
      readonly component: string;
      /** Null: it was taken back. */
      readonly version: string | null;
    }
  /** C24: ordered; of what else is kept there nothing is known here. */
  | { readonly on: 'kept'; readonly key: string; readonly isThere: number };

export const COUNTED_STATES = [
  ...(['waiting', 'upgrading', 'done', 'failed', 'rolled_back', 'skipped', 'parked'] as const),
  ...(['stopped', 'to_roll_back', 'rolling_back'] as const),
] as const;

const COUNTS = `json_array(${COUNTED_STATES.map((column) => `NEW.${column}`).join(', ')})`;

const ROLLOUT =
  "'on', 'rollout', 'id', NEW.id, 'name', NEW.name, 'component', NEW.component, 'version', NEW.version, 'spec', NEW.spec || '', 'state', NEW.state, 'why', NEW.why, 'origin', NEW.origin, 'reverts', NEW.reverts, 'splitOf', NEW.split_of, 'startsAfter', NEW.starts_after, 'startsMs', NEW.starts_ms, 'outcome', NEW.outcome, 'makers', json_array(NEW.created_by, NEW.edited_by), 'approvedBy', NEW.approved_by";
const MEMBER =
  "'on', 'member', 'rollout', NEW.rollout_id, 'instance', NEW.instance_id, 'group', NEW.group_name, 'wave', NEW.wave, 'command', NEW.command_id, 'state', NEW.state";
const WAVE = `'on', 'wave', 'rollout', NEW.rollout_id, 'wave', NEW.wave, 'approved', NEW.is_approved, 'counts', ${COUNTS}`;
const COMMAND =
  "'on', 'command', 'id', NEW.id, 'instance', NEW.instance_id, 'group', NEW.group_name, 'component', NEW.component, 'version', NEW.version, 'kind', NEW.kind, 'origin', NEW.origin, 'pace', NEW.pace, 'code', NEW.code, 'place', NEW.has_place, 'state', NEW.state";

/** Table, event, when, and the pairs of the JSON object. */
const TRIGGERS: readonly (readonly [string, string, string, string])[] = [
  ['rollouts', 'INSERT', '', `${ROLLOUT}, 'from', NULL`],
  [
    'rollouts',
    'UPDATE',
    'WHEN OLD.state <> NEW.state OR OLD.spec <> NEW.spec OR OLD.name <> NEW.name OR OLD.starts_ms IS NOT NEW.starts_ms',
    `${ROLLOUT}, 'from', OLD.state`,
  ],
  ['rollout_members', 'INSERT', '', `${MEMBER}, 'from', NULL`],
  [
    'rollout_members',
    'UPDATE',
    'WHEN OLD.state <> NEW.state OR OLD.command_id IS NOT NEW.command_id OR OLD.group_name <> NEW.group_name',
    `${MEMBER}, 'from', OLD.state`,
  ],
  ['rollout_waves', 'INSERT', '', WAVE],
  ['rollout_waves', 'UPDATE', '', WAVE],
  [
    'rollout_members',
    'DELETE',
    '',
    "'on', 'gone', 'rollout', OLD.rollout_id, 'instance', OLD.instance_id",
  ],
  ['commands', 'INSERT', '', `${COMMAND}, 'from', NULL`],
  [
    'commands',
    'UPDATE',
    'WHEN OLD.state <> NEW.state OR OLD.group_name <> NEW.group_name',
    `${COMMAND}, 'from', OLD.state`,
  ],
  [
    'attempts',
    'UPDATE',
    'WHEN NEW.drained_ms IS NOT NULL AND OLD.drained_ms IS NOT NEW.drained_ms',
    "'on', 'grant', 'command', NEW.command_id, 'point', 'drain'",
  ],
  [
    'attempts',
    'UPDATE',
    'WHEN NEW.switched_ms IS NOT NULL AND OLD.switched_ms IS NOT NEW.switched_ms',
    "'on', 'grant', 'command', NEW.command_id, 'point', 'switch'",
  ],
  ['groups', 'INSERT', '', "'on', 'group', 'group', NEW.name, 'max', NEW.unavailable_max"],
  ['groups', 'UPDATE', '', "'on', 'group', 'group', NEW.name, 'max', NEW.unavailable_max"],
  ['agents', 'INSERT', '', "'on', 'agent', 'name', NEW.name, 'group', NEW.group_name"],
  ['agents', 'UPDATE', '', "'on', 'agent', 'name', NEW.name, 'group', NEW.group_name"],
  ['lives', 'INSERT', '', "'on', 'life', 'adopted', NEW.adopted_ms IS NOT NULL"],
  ['lives', 'UPDATE', '', "'on', 'life', 'adopted', NEW.adopted_ms IS NOT NULL"],
  [
    'choices',
    'INSERT',
    '',
    "'on', 'choice', 'scope', NEW.scope, 'subject', NEW.subject, 'component', NEW.component, 'version', NEW.version",
  ],
  [
    'choices',
    'DELETE',
    '',
    "'on', 'choice', 'scope', OLD.scope, 'subject', OLD.subject, 'component', OLD.component, 'version', NULL",
  ],
  ['meta', 'INSERT', '', "'on', 'kept', 'key', NEW.key, 'isThere', 1"],
  ['meta', 'DELETE', '', "'on', 'kept', 'key', OLD.key, 'isThere', 0"],
];

export class Journal {
  readonly #database: DatabaseSync;
  readonly #next: StatementSync;
  #last = 0;

  /** Of a database that nobody writes at this moment. One that has a journal keeps it. */
  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec('PRAGMA busy_timeout=5000');
    this.#database.exec(
      'CREATE TABLE IF NOT EXISTS sim_journal (id INTEGER PRIMARY KEY, change TEXT NOT NULL)',
    );
    for (const [number, [table, event, when, pairs]] of TRIGGERS.entries()) {
      this.#database.exec(
        `CREATE TRIGGER IF NOT EXISTS sim_${number} AFTER ${event} ON ${table} ${when}
         BEGIN INSERT INTO sim_journal (change) VALUES (json_object(${pairs})); END`,
      );
    }
    this.#next = this.#database.prepare(
      'SELECT id, change FROM sim_journal WHERE id > ? ORDER BY id',
    );
  }

  /** Since the last look. */
  news(): readonly Change[] {
    const rows = this.#next.all(this.#last);
    if (rows.length === 0) return [];
    this.#last = Number(rows.at(-1)?.['id']);
    return rows.map((row) => JSON.parse(String(row['change'])) as Change);
  }

  /** All that a database has that was put back; what its journal says was seen, or is lost. */
  all(): readonly Change[] {
    const row = this.#database.prepare('SELECT max(id) AS id FROM sim_journal').get();
    this.#last = Number(row?.['id'] ?? 0);
    const changes: Change[] = [];
    for (const [table, event, , pairs] of TRIGGERS) {
      if (event !== 'INSERT') continue;
      const of = `SELECT json_object(${pairs.replaceAll('NEW.', '')}) AS change FROM ${table}`;
      const rows = this.#database.prepare(of).all();
      changes.push(...rows.map((one) => JSON.parse(String(one['change'])) as Change));
    }
    return changes;
  }

  /** A later version of the coordinator has written what this one cannot read. */
  write(sql: string, ...parameters: readonly string[]): void {
    this.#database.prepare(sql).run(...parameters);
  }

  close(): void {
    this.#database.close();
  }
}
