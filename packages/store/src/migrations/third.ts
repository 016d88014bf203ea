import type { Kysely } from 'kysely';
import { createTable } from './first.ts';

/** Schema 3: lives of the store, agents that are ahead of it, and tokens that replace an instance. Frozen. */
export async function migrateThird(db: Kysely<unknown>): Promise<void> {
  await createTable(db, {
    table: 'lives',
    keys: ['generation'],
    columns:
      'generation:i from_generation:i from_position:i position:i began_ms:i origin:t why:t adopted_ms:i? adopted_by:t? adopted_why:t?',
  });
  await db.schema
    .alterTable('instances')
    .addColumn('ahead_generation', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  for (const column of ['ahead_position', 'settled_ms']) {
    await db.schema.alterTable('instances').addColumn(column, 'bigint').execute();
  }
  await db.schema.alterTable('tokens').addColumn('replaces', 'text').execute();
  await db.schema
    .createIndex('history_instance_id_position')
    .on('history')
    .columns(['instance_id', 'position'])
    .execute();
}
