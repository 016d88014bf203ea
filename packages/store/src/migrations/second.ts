import type { Kysely } from 'kysely';

/** Schema 2: what a program of schema 1 does not write has a default that is right for it. Frozen. */
export async function migrateSecond(db: Kysely<unknown>): Promise<void> {
  const times: readonly (readonly [table: string, column: string])[] = [
    ['instances', 'came_up_ms'],
    ['instances', 'removed_ms'],
    ['attempts', 'switched_ms'],
  ];
  for (const [table, column] of times) {
    await db.schema.alterTable(table).addColumn(column, 'bigint').execute();
  }
  for (const column of ['removed_by', 'removed_why']) {
    await db.schema.alterTable('instances').addColumn(column, 'text').execute();
  }
  await db.schema
    .alterTable('instances')
    .addColumn('generation', 'bigint', (column) => column.notNull().defaultTo(1))
    .execute();
}
