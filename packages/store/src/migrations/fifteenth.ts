import type { Kysely } from 'kysely';

/** Schema 15: upgrades that leave the work of their host alone, and take nobody's place. Frozen. */
export async function migrateFifteenth(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('commands')
    .addColumn('pace', 'text', (column) => column.notNull().defaultTo('now'))
    .execute();
  await db.schema
    .alterTable('commands')
    .addColumn('has_place', 'bigint', (column) => column.notNull().defaultTo(1))
    .execute();
}
