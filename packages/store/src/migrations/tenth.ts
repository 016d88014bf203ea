import type { Kysely } from 'kysely';

/** Schema 10: which rollout ordered a command, and what of history belongs to a rollout. Frozen. */
export async function migrateTenth(db: Kysely<unknown>): Promise<void> {
  for (const [table, order] of [
    ['commands', 'id'],
    ['history', 'position'],
  ] as const) {
    await db.schema.alterTable(table).addColumn('rollout_id', 'text').execute();
    // Most belong to none, and cost nothing here.
    await db.schema
      .createIndex(`${table}_rollout_id_${order}`)
      .on(table)
      .columns(['rollout_id', order])
      .where('rollout_id', 'is not', null)
      .execute();
  }
}
