import type { Kysely } from 'kysely';
import { createTable } from './first.ts';
import type { ColumnTypes } from './index.ts';

/** Schema 5: tasks, their runs, output in the order of its arrival, and how far it was forwarded. Frozen. */
export async function migrateFifth(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  for (const column of ['task', 'parameters']) {
    await db.schema.alterTable('commands').addColumn(column, 'text').execute();
  }
  await db.schema.alterTable('commands').addColumn('host_ended_ms', 'bigint').execute();
  await db.schema
    .alterTable('instances')
    .addColumn('tasks', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await db.schema
    .alterTable('instances')
    .addColumn('configuration_trouble', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await db.schema
    .alterTable('instances')
    .addColumn('output_bytes', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await createTable(db, {
    table: 'task_runs',
    keys: ['instance_id', 'run'],
    columns:
      'instance_id:t run:t agent_name:t task:t command_id:t attempt:i started_ms:i ended_ms:i? outcome:t? code:t? message:t? exit_code:i? signal:t? output_bytes:i dropped_bytes:i starts:i received_ms:i',
  });
  const indexes: readonly (readonly [table: string, columns: readonly string[]])[] = [
    ['task_runs', ['started_ms']],
    ['task_runs', ['command_id', 'started_ms']],
    ['task_runs', ['agent_name', 'command_id', 'started_ms']],
    ['commands', ['kind', 'created_ms']],
    ['commands', ['agent_name', 'kind', 'created_ms']],
  ];
  for (const [table, columns] of indexes) {
    await db.schema
      .createIndex(`${table}_${columns.join('_')}`)
      .on(table)
      .columns([...columns])
      .execute();
  }
  await createOutput(db, types);
  await createTable(db, {
    table: 'forwards',
    keys: ['target'],
    columns: 'target:t position:i failing_since_ms:i? trouble:t tried_ms:i',
  });
}

async function createOutput(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await db.schema.dropTable('outputs').execute();
  await db.schema
    .createTable('output')
    .addColumn('position', types.autoPosition, (column) => column.primaryKey().autoIncrement())
    .addColumn('instance_id', 'text', (column) => column.notNull())
    .addColumn('epoch', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('task', 'text', (column) => column.notNull())
    .addColumn('run', 'text', (column) => column.notNull())
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('received_ms', 'bigint', (column) => column.notNull())
    .addColumn('content', types.bytes, (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('output_instance_id_position')
    .on('output')
    .columns(['instance_id', 'position'])
    .execute();
}
