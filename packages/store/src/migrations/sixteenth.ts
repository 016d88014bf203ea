import type { Kysely } from 'kysely';

/** Schema 16: labels that a host's configuration gives; those of operators are in `agents` since schema 1. Frozen. */
export async function migrateSixteenth(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('instances')
    .addColumn('host_labels', 'text', (column) => column.notNull().defaultTo('{}'))
    .execute();
}
