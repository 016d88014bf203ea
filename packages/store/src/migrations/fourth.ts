import type { Kysely } from 'kysely';
import { createTable } from './first.ts';

/** Schema 4: choices that were withdrawn, since what they hid holds again from then on. Frozen. */
export async function migrateFourth(db: Kysely<unknown>): Promise<void> {
  await createTable(db, {
    table: 'withdrawn_choices',
    keys: ['scope', 'subject', 'component'],
    columns: 'scope:t subject:t component:t position:i created_ms:i created_by:t why:t',
  });
}
