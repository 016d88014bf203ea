import type { Kysely } from 'kysely';

/** Schema 14: an order for a rollout that is repeated makes no second one, who edited it, and releases without a way back. Frozen. */
export async function migrateFourteenth(db: Kysely<unknown>): Promise<void> {
  for (const column of ['idempotency_key', 'edited_by'])
    await db.schema.alterTable('rollouts').addColumn(column, 'text').execute();
  for (const column of ['idempotency_key', 'starts_after'])
    await db.schema
      .createIndex(`rollouts_${column}`)
      .on('rollouts')
      .columns([column])
      .where(column, 'is not', null)
      .execute();
  await db.schema
    .alterTable('release_platforms')
    .addColumn('is_irreversible', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
}
