import type { Kysely } from 'kysely';
import { createTable } from './first.ts';

/** Schema 8: rollouts, and how many of a group may be upgrading at once. Frozen. */
export async function migrateEighth(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('groups')
    .addColumn('unavailable_max', 'bigint', (column) => column.notNull().defaultTo(1))
    .execute();
  await createTable(db, {
    table: 'rollouts',
    keys: ['id'],
    columns:
      'id:t name:t component:t version:t selector:t? spec:t state:t state_why:t waits_reason:t? waits_until_ms:i? failures_forgiven:i done_at_resume:i already_there:i cannot:t warnings:t created_ms:i created_by:t why:t started_ms:i? started_by:t? ended_ms:i? outcome:t? revision:i',
  });
  await createTable(db, {
    table: 'rollout_waves',
    keys: ['rollout_id', 'wave'],
    columns:
      'rollout_id:t wave:i waiting:i upgrading:i done:i failed:i rolled_back:i skipped:i parked:i stopped:i last_end_ms:i? is_approved:i',
  });
  await createTable(db, {
    table: 'rollout_members',
    keys: ['rollout_id', 'instance_id'],
    columns:
      'rollout_id:t instance_id:t agent_name:t group_name:t wave:i place:i state:t hold_reason:t? command_id:t? tries:i from_version:t? started_ms:i? ended_ms:i? code:t? message:t?',
  });
  await db.schema.createIndex('rollouts_name').on('rollouts').columns(['name']).unique().execute();
  const indexes: readonly (readonly [table: string, columns: readonly string[]])[] = [
    ['rollouts', ['state']],
    ['rollout_members', ['rollout_id', 'state', 'wave', 'group_name', 'place']],
    ['rollout_members', ['rollout_id', 'place']],
    ['rollout_members', ['instance_id', 'state']],
    ['rollout_members', ['state', 'group_name']],
    ['rollout_members', ['command_id']],
  ];
  for (const [table, columns] of indexes) {
    await db.schema
      .createIndex(`${table}_${columns.join('_')}`)
      .on(table)
      .columns([...columns])
      .execute();
  }
}
