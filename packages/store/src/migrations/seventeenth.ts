import type { Kysely } from 'kysely';

/** Schema 17: since which position in history a choice holds for a component by a move of its agent. Frozen. */
export async function migrateSeventeenth(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('instance_components')
    .addColumn('since_position', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
}
