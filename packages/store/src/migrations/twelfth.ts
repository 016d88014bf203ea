import type { Kysely } from 'kysely';

/** Schema 12: of whom of a rollout a person has seen the failure, and who was away when its turn came. Frozen. */
export async function migrateTwelfth(db: Kysely<unknown>): Promise<void> {
  for (const column of ['is_forgiven', 'was_parked']) {
    await db.schema
      .alterTable('rollout_members')
      .addColumn(column, 'bigint', (of) => of.notNull().defaultTo(0))
      .execute();
  }
}
