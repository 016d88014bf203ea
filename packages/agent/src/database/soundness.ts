/* Whether agent.db is whole, looked at beside whoever serves from it. */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import type { DatabaseFacts } from '@moult/core/doctor';
import { isCorrupt, STATE_SCHEMA } from './open.ts';

/** Reading one in full takes a second for every few hundred MiB; who set outboxBytes higher asks for it. */
const READ_BYTES_MAX = 1_073_741_824;

/** Null: there is none. Throws what SQLite says of one that cannot be opened, but for damage. */
export async function soundnessOf(
  path: string,
  { isDeep }: { readonly isDeep: boolean },
): Promise<DatabaseFacts | null> {
  if (!existsSync(path)) return null;
  const { size: bytes } = await stat(path);
  const isReadInFull = isDeep || bytes <= READ_BYTES_MAX;
  const facts = { path, bytes, knownSchema: STATE_SCHEMA, isReadInFull };
  const database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  try {
    return { ...facts, ...schemaOf(database), damage: isReadInFull ? damageOf(database) : null };
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    const damage = error instanceof Error ? error.message : String(error);
    return { ...facts, schema: 0, readableSince: 0, damage };
  } finally {
    database.close();
  }
}

function schemaOf(database: DatabaseSync): Pick<DatabaseFacts, 'schema' | 'readableSince'> {
  const row = database.prepare('SELECT number, readable_since FROM schema').get();
  return { schema: Number(row?.['number']), readableSince: Number(row?.['readable_since']) };
}

function damageOf(database: DatabaseSync): string | null {
  const found = String(database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']);
  return found === 'ok' ? null : found;
}
