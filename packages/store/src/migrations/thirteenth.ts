import type { Kysely } from 'kysely';
import { createTable } from './first.ts';

/** Schema 13: settings that operators edit, of the fleet (group '') and of groups. Frozen. */
export async function migrateThirteenth(db: Kysely<unknown>): Promise<void> {
  await createTable(db, {
    table: 'settings',
    keys: ['key', 'group_name'],
    columns: 'key:t group_name:t value:t changed_ms:i changed_by:t why:t',
  });
}
