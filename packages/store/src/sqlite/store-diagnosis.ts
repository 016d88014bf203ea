/*
 * What a store says without what it keeps for others: states and numbers, the last rows of history, no hash of a token, no
 * parameters, no output. Read beside a coordinator that works; each question for itself, because a damaged file may
 * answer some. No question reads a table that grows for ever: those are counted by an index, or up to a limit.
 */
import { existsSync, statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { DIAGNOSIS_LIMITS } from '@moult/core/diagnosis';
import { attempted } from '@moult/runtime/diagnosis';
import { SCHEMA } from '../migrations/index.ts';
import { openForReading } from './open.ts';

/** Reading one in full takes a second for some hundred MiB. */
const CHECKED_BYTES_MAX = 536_870_912;
const COUNTED_MAX = 100_000;

const { rowsMax } = DIAGNOSIS_LIMITS;
const OPEN = "('queued', 'sent', 'accepted', 'running')";

/** By the names under which they are shown. */
const QUESTIONS: Readonly<Record<string, string>> = {
  meta: 'SELECT key, value FROM meta ORDER BY key',
  lives: `SELECT generation, from_generation, from_position, position, began_ms, origin, adopted_ms, adopted_by
     FROM lives ORDER BY generation DESC LIMIT ${rowsMax}`,
  agents: 'SELECT count(*) AS agents FROM agents',
  groups: `SELECT group_name AS "group", count(*) AS agents FROM agents GROUP BY group_name ORDER BY 2 DESC LIMIT ${rowsMax}`,
  instances: `SELECT role, state, platform, validated_ms IS NOT NULL AS validated, quarantined_ms IS NOT NULL AS quarantined,
       ahead_generation, count(*) AS instances, sum(output_bytes) AS output_bytes
     FROM instances GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 7 DESC LIMIT ${rowsMax}`,
  versions: `SELECT component, current_version, current_digest, count(*) AS instances
     FROM instance_components GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT ${rowsMax}`,
  choices: `SELECT scope, subject, component, version, position, created_ms, created_by FROM choices ORDER BY position DESC LIMIT ${rowsMax}`,
  commands: 'SELECT state, count(*) AS commands FROM commands GROUP BY state',
  holds: `SELECT kind, state, hold_reason, host_hold_reason, origin, count(*) AS commands FROM commands
     WHERE state IN ${OPEN} GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC LIMIT ${rowsMax}`,
  openUpgrades: `SELECT id AS command, agent_name AS agent, component, version, is_forced, is_revert, state, hold_reason,
       host_hold_reason, attempt, not_before_ms, not_after_ms, origin, created_ms, sent_ms, code, message
     FROM commands WHERE state IN ${OPEN} AND kind = 'autoUpgrade' ORDER BY position LIMIT ${rowsMax}`,
  releases: `SELECT component, version, state, imported_ms, published_ms FROM releases ORDER BY imported_ms DESC LIMIT ${rowsMax}`,
  platforms: `SELECT component, version, platform, digest, bytes, files, minimum_launcher FROM release_platforms ORDER BY version DESC LIMIT ${rowsMax}`,
  tokens: `SELECT kind, role, validates, revoked_ms IS NOT NULL AS revoked, count(*) AS tokens FROM tokens GROUP BY 1, 2, 3, 4 LIMIT ${rowsMax}`,
  forwards: 'SELECT target, position, failing_since_ms, trouble AS why, tried_ms FROM forwards',
  history: 'SELECT min(position) AS first, max(position) AS last FROM history',
  output: 'SELECT min(position) AS first, max(position) AS last FROM output',
  taskRuns: `SELECT outcome, code, count(*) AS runs FROM (SELECT outcome, code FROM task_runs LIMIT ${COUNTED_MAX}) GROUP BY 1, 2 ORDER BY 3 DESC LIMIT ${rowsMax}`,
  orphans: `SELECT count(*) AS orphans FROM (SELECT 1 FROM orphans LIMIT ${COUNTED_MAX})`,
};

const LAST_HISTORY = `SELECT position, at_ms, kind, agent_name, component, command_id, attempt, principal, why, detail
  FROM history ORDER BY position DESC LIMIT ${rowsMax}`;

/** What failed last, with what is left of it. */
const LAST_ATTEMPTS = `SELECT command_id, attempt, agent_name, component, from_version, to_version, started_ms, ended_ms, outcome,
    code, message, rehearsal, steps, evidence, drained_ms, attested_ms, confirmed_ms, switched_ms
  FROM attempts ORDER BY rowid DESC LIMIT ${rowsMax}`;

type Row = Readonly<Record<string, unknown>>;

export async function storeFacts(path: string): Promise<object> {
  return await reading(path, async (connection) => {
    const found: Record<string, unknown> = {
      path,
      bytes: { database: sizeOf(path), log: sizeOf(`${path}-wal`) },
      knownSchema: SCHEMA,
      check: await attempted(() => checkOf(path, connection)),
    };
    for (const [name, text] of Object.entries(QUESTIONS)) {
      found[name] = await attempted(() => connection.prepare(text).all());
    }
    return found;
  });
}

/** The last rows of history, the newest first. */
export async function storeHistory(path: string): Promise<unknown> {
  return await reading(path, (connection) => rowsOf(connection, LAST_HISTORY));
}

/** The last attempts at upgrades with their evidence, the newest first. */
export async function storeAttempts(path: string): Promise<unknown> {
  return await reading(path, (connection) => rowsOf(connection, LAST_ATTEMPTS));
}

async function reading<T>(
  path: string,
  read: (connection: DatabaseSync) => T | Promise<T>,
): Promise<T> {
  if (!existsSync(path)) throw new Error(`there is no ${path}: no coordinator was made here`);
  const connection = openForReading(path);
  try {
    return await read(connection);
  } finally {
    connection.close();
  }
}

/** What is kept as JSON is shown as what it is. */
function rowsOf(connection: DatabaseSync, text: string): readonly Row[] {
  return connection
    .prepare(text)
    .all()
    .map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          ['detail', 'steps', 'evidence'].includes(name) ? parsed(value) : value,
        ]),
      ),
    );
}

function parsed(value: unknown): unknown {
  try {
    return JSON.parse(String(value));
  } catch {
    return value;
  }
}

function checkOf(path: string, connection: DatabaseSync): string {
  const bytes = sizeOf(path) ?? 0;
  if (bytes > CHECKED_BYTES_MAX) return `not read in full: it has ${bytes} bytes`;
  const found = String(connection.prepare('PRAGMA quick_check(1)').get()?.['quick_check']);
  if (found !== 'ok') throw new Error(`it is damaged: ${found}`);
  return found;
}

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}
