import type { Kysely } from 'kysely';

/** Schema 11: a principal has one role, and may be revoked. Frozen. */
export async function migrateEleventh(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema.alterTable('principals').addColumn('role', 'text').execute();
  await schema
    .alterTable('principals')
    .addColumn('why', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await schema.alterTable('principals').addColumn('revoked_ms', 'bigint').execute();
  await schema.alterTable('principals').addColumn('revoked_by', 'text').execute();
  // Of a principal: its newest token, and all that are good.
  await schema
    .createIndex('tokens_principal')
    .on('tokens')
    .columns(['principal', 'kind', 'id'])
    .execute();
}
