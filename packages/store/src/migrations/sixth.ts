import type { Kysely } from 'kysely';

/**
 * Schema 6: indexes alone. Lists of what one agent was ordered and of runs of one task, what runs now, and the upgrades of one
 * instance are found among hundreds of thousands of tasks. Frozen.
 */
export async function migrateSixth(db: Kysely<unknown>): Promise<void> {
  const indexes: readonly (readonly [table: string, columns: readonly string[]])[] = [
    ['commands', ['agent_name', 'id']],
    ['commands', ['instance_id', 'kind', 'position']],
    ['commands', ['kind', 'task', 'created_ms']],
    ['task_runs', ['command_id', 'task', 'started_ms']],
  ];
  for (const [table, columns] of indexes) {
    await db.schema
      .createIndex(`${table}_${columns.join('_')}`)
      .on(table)
      .columns([...columns])
      .execute();
  }
  await db.schema
    .createIndex('task_runs_open')
    .on('task_runs')
    .columns(['started_ms'])
    .where('ended_ms' as never, 'is', null)
    .execute();
  // It is the beginning of the first one above.
  await db.schema.dropIndex('commands_agent_name').execute();
}
