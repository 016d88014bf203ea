import type { Kysely } from 'kysely';

/** Schema 9: rollouts before their start, those made by a choice, and what goes back after an error. Frozen. */
export async function migrateNinth(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('rollouts')
    .addColumn('origin', 'text', (column) => column.notNull().defaultTo('person'))
    .execute();
  for (const column of ['choice_position', 'planned_ms', 'starts_ms', 'approved_ms'])
    await db.schema.alterTable('rollouts').addColumn(column, 'bigint').execute();
  for (const column of ['agents', 'approved_by', 'split_of', 'starts_after', 'reverts'])
    await db.schema.alterTable('rollouts').addColumn(column, 'text').execute();
  for (const column of ['to_roll_back', 'rolling_back']) {
    await db.schema
      .alterTable('rollout_waves')
      .addColumn(column, 'bigint', (of) => of.notNull().defaultTo(0))
      .execute();
  }
  await db.schema.alterTable('rollout_members').addColumn('failure', 'text').execute();
}
