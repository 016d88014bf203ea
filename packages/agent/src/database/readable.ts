/*
 * Whether this version could serve from agent.db as it lies there, found out without touching it: its schema is made
 * anew in memory, taken to this version's, and every statement of this version is held against it.
 */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '@moult/runtime/clock';
import { systemRandom } from '@moult/runtime/random';
import { prepareStore } from './index.ts';
import { migrate } from './open.ts';

/** Throws `state-too-new`, or what SQLite says. */
export function requireReadable(path: string): void {
  if (!existsSync(path)) return;
  const memory = new DatabaseSync(':memory:');
  try {
    copySchema(path, memory);
    migrate(memory, path);
    prepareStore(memory, { clock: systemClock, random: systemRandom });
  } finally {
    memory.close();
  }
}

/** The tables, without their rows but for those that say which schema it is. */
function copySchema(path: string, to: DatabaseSync): void {
  // Somebody serves from it.
  const from = new DatabaseSync(path, { readOnly: true, timeout: 2_000 });
  try {
    const texts = from.prepare(
      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'",
    );
    for (const { sql } of texts.all()) to.exec(String(sql));
    for (const row of from.prepare('SELECT id, number, readable_since FROM schema').all()) {
      to.prepare('INSERT INTO schema VALUES (?, ?, ?)').run(
        Number(row['id']),
        Number(row['number']),
        Number(row['readable_since']),
      );
    }
  } finally {
    from.close();
  }
}
