import type { Kysely } from 'kysely';

/** Schema 7: what somebody has changed on hosts, and what they keep of it. Frozen. */
export async function migrateSeventh(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('instance_components')
    .addColumn('changed', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await db.schema
    .alterTable('instances')
    .addColumn('kept', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
}
