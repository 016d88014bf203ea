/*
 * What agent.db says without what it keeps for others: states and numbers, no output, no parameters. Read beside whoever
 * serves from it; each question for itself, because a damaged file may answer some.
 */
import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { DIAGNOSIS_LIMITS, type Secret } from '@moult/core/diagnosis';
import type { CommandMessage } from '@moult/protocol';
import { attempted, isSecretValue } from '@moult/runtime/diagnosis';

/** Reading one in full takes a second for some hundred MiB. */
const CHECKED_BYTES_MAX = 536_870_912;

/** Facts by name in `meta`, as far as they may be shown; of others the name is. */
const SHOWN_FACTS = [
  'agent-name',
  'cleanup-due',
  'health',
  'made-ready',
  'no-session',
  'paused',
  'restart-pending',
  'upgrade-failed',
  'world-broken',
];

type Row = Readonly<Record<string, unknown>>;

export async function databaseDiagnosis(path: string): Promise<object> {
  if (!existsSync(path)) return { path, trouble: 'there is no agent.db: no agent has served here' };
  const database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  try {
    const rows = (text: string): readonly Row[] => database.prepare(text).all();
    const { rowsMax } = DIAGNOSIS_LIMITS;
    return {
      path,
      schema: await attempted(() => rows('SELECT number, readable_since FROM schema')[0] ?? null),
      check: await attempted(() => checkOf(path, rows)),
      upgrade: await attempted(() =>
        parsedIn(rows('SELECT state FROM upgrade_record')[0]?.['state']),
      ),
      facts: await attempted(() => factsIn(rows('SELECT name, value FROM meta ORDER BY name'))),
      session: await attempted(
        () => rows('SELECT counter, generation, position FROM session')[0] ?? null,
      ),
      stream: await attempted(
        () => rows('SELECT epoch, last_sequence, acknowledged FROM stream')[0] ?? null,
      ),
      outbox: await attempted(() => outboxIn(rows)),
      commandsWaiting: await attempted(() =>
        rows(
          `SELECT message FROM inbox WHERE finish IS NULL ORDER BY arrival LIMIT ${rowsMax}`,
        ).map(({ message }) => briefOf(String(message))),
      ),
      commandsEnded: await attempted(() =>
        rows(
          `SELECT command_id AS command, attempt, finish FROM inbox WHERE finish IS NOT NULL
             ORDER BY arrival DESC LIMIT ${rowsMax}`,
        ).map(({ finish, ...row }) => ({ ...row, finish: parsedIn(finish) })),
      ),
      taskRuns: await attempted(() =>
        rows(
          `SELECT run, task, command_id AS command, attempt, starts, started_ms AS startedMs, leader
             FROM task_runs ORDER BY arrival LIMIT ${rowsMax}`,
        ),
      ),
    };
  } finally {
    database.close();
  }
}

/** Parameters of tasks, proofs of upgrades, and the ticket of the session. */
export function databaseSecrets(path: string): readonly Secret[] {
  if (!existsSync(path)) return [];
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
    try {
      const texts = (text: string): readonly string[] => {
        try {
          return database
            .prepare(text)
            .all()
            .map(({ value }) => String(value));
        } catch {
          return [];
        }
      };
      const { rowsMax } = DIAGNOSIS_LIMITS;
      return [
        ...texts('SELECT ticket AS value FROM session').map(proof),
        ...texts('SELECT state AS value FROM upgrade_record').flatMap(noncesIn),
        ...texts(
          `SELECT message AS value FROM inbox ORDER BY arrival DESC LIMIT ${rowsMax}`,
        ).flatMap((text) => [...noncesIn(text), ...parametersIn(text)]),
        ...texts(`SELECT parameters AS value FROM task_runs LIMIT ${rowsMax}`).flatMap((text) =>
          parametersIn(`{"task":{"parameters":${text}}}`),
        ),
      ];
    } finally {
      database.close();
    }
  } catch {
    return [];
  }
}

function proof(value: string): Secret {
  return { kind: 'proof', value };
}

function noncesIn(text: string): readonly Secret[] {
  return [...text.matchAll(/"nonce":"([^"]+)"/g)].map(([, nonce = '']) => proof(nonce));
}

function parametersIn(text: string): readonly Secret[] {
  try {
    return textsIn((JSON.parse(text) as Partial<CommandMessage>).task?.parameters)
      .filter(isSecretValue)
      .map((value) => ({ kind: 'task-value', value }));
  } catch {
    return [];
  }
}

/** In whatever shape they are kept; names of parameters are none. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  if ('name' in value && 'value' in value) return textsIn(value.value);
  return Object.values(value).flatMap(textsIn);
}

function checkOf(path: string, rows: (text: string) => readonly Row[]): string {
  const { size } = statSync(path);
  if (size > CHECKED_BYTES_MAX) return `not read in full: it has ${size} bytes`;
  const found = String(rows('PRAGMA quick_check(1)')[0]?.['quick_check']);
  if (found !== 'ok') throw new Error(`it is damaged: ${found}`);
  return found;
}

function factsIn(rows: readonly Row[]): object {
  const shown = rows.map(({ name, value }) => {
    const isShown = SHOWN_FACTS.includes(String(name));
    return [String(name), isShown ? parsedIn(value) : '[left out: not known]'] as const;
  });
  return Object.fromEntries(shown);
}

function outboxIn(rows: (text: string) => readonly Row[]): object {
  const sums = rows(
    `SELECT count(*) AS items, total(bytes) AS bytes, total(covers) AS covers,
       min(sequence) AS first, max(sequence) AS last FROM outbox`,
  );
  const oldest = rows('SELECT min(at_ms) AS oldestMs FROM outbox WHERE at_ms > 0');
  return { ...sums[0], ...oldest[0] };
}

/** Of an accepted command, what it is. */
function briefOf(message: string): object {
  const { commandId, attempt, autoUpgrade, control, task } = JSON.parse(
    message,
  ) as Partial<CommandMessage>;
  return { command: commandId, attempt, autoUpgrade, control, task: task?.name };
}

function parsedIn(value: unknown): unknown {
  if (typeof value !== 'string') return value ?? null;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
