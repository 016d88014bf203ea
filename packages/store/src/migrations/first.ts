import type { Kysely } from 'kysely';
import type { ColumnTypes } from './index.ts';

/** Schema 1. Frozen: later changes are later migrations, and expand only. */
export async function migrateFirst(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const make = (table: string, keys: readonly string[], columns: string): Promise<void> =>
    createTable(db, { table, keys, columns });
  await make('meta', ['key'], 'key:t value:t');
  await make('principals', ['name'], 'name:t created_ms:i created_by:t');
  await make(
    'tokens',
    ['id'],
    'id:t kind:t secret_hash:t principal:t role:t? group_name:t? validates:i uses_left:i? expires_ms:i? created_ms:i created_by:t why:t revoked_ms:i? revoked_by:t?',
  );
  await make(
    'token_uses',
    ['token_id', 'public_key'],
    'token_id:t public_key:t instance_id:t used_ms:i',
  );
  await make('groups', ['name'], 'name:t created_ms:i created_by:t');
  await make('agents', ['name'], 'name:t group_name:t labels:t created_ms:i');
  await make(
    'instances',
    ['id'],
    'id:t agent_name:t public_key:t role:t platform:t binds_channel:i enrolled_ms:i enrolled_with:t validated_by:t? validated_ms:i? validated_why:t? quarantined_ms:i? quarantined_why:t? session_counter:i session_ticket:t session_previous_ticket:t capabilities:t facts:t boot_id:t last_seen_ms:i? state:t marks:t is_idle:i upgrade:t? upgrade_since_ms:i? output_epoch:t output_sequence:i revision:i',
  );
  await make(
    'instance_components',
    ['instance_id', 'component'],
    'instance_id:t component:t current_version:t? current_digest:t? previous_version:t? previous_digest:t? refused:t trial_attempt_id:t attested_version:t? attested_digest:t? given_version:t? given_digest:t? given_position:i? reopened_digest:t?',
  );
  await make(
    'choices',
    ['scope', 'subject', 'component'],
    'scope:t subject:t component:t version:t position:i created_ms:i created_by:t why:t',
  );
  await make(
    'commands',
    ['id'],
    'id:t kind:t instance_id:t agent_name:t group_name:t component:t version:t is_forced:i is_revert:i state:t hold_reason:t? host_hold_reason:t? attempt:i nonce:t not_before_ms:i not_after_ms:i origin:t idempotency_key:t? position:i created_ms:i created_by:t why:t sent_ms:i? ended_ms:i? outcome:t? code:t? message:t? revision:i',
  );
  await make(
    'attempts',
    ['command_id', 'attempt'],
    'command_id:t attempt:i instance_id:t agent_name:t component:t from_version:t? from_digest:t? to_version:t started_ms:i ended_ms:i? outcome:t? code:t? message:t? bytes_fetched:i bytes_total:i rehearsal:t steps:t evidence:t? drained_ms:i? attested_ms:i? attested_version:t? attested_digest:t? confirmed_ms:i?',
  );
  await createHistory(db, types);
  await make(
    'releases',
    ['component', 'version'],
    'component:t version:t state:t imported_ms:i imported_by:t published_ms:i? published_by:t? why:t',
  );
  await make(
    'release_platforms',
    ['component', 'version', 'platform'],
    'component:t version:t platform:t digest:t manifest_bytes:i bytes:i files:i minimum_launcher:t?',
  );
  await createOutputs(db, types);
  await make(
    'orphans',
    ['instance_id', 'command_id', 'attempt'],
    'instance_id:t command_id:t attempt:i received_ms:i content:t',
  );
  await createIndexes(db);
}

async function createHistory(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('history')
    .addColumn('position', types.autoPosition, (column) => column.primaryKey().autoIncrement())
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('agent_name', 'text')
    .addColumn('instance_id', 'text')
    .addColumn('component', 'text')
    .addColumn('command_id', 'text')
    .addColumn('attempt', 'bigint')
    .addColumn('principal', 'text', (column) => column.notNull())
    .addColumn('why', 'text', (column) => column.notNull())
    .addColumn('detail', 'text', (column) => column.notNull())
    .execute();
}

async function createOutputs(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('outputs')
    .addColumn('instance_id', 'text', (column) => column.notNull())
    .addColumn('epoch', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('content', types.bytes, (column) => column.notNull())
    .addColumn('received_ms', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('outputs_key', ['instance_id', 'epoch', 'sequence'])
    .execute();
}

async function createIndexes(db: Kysely<unknown>): Promise<void> {
  const unique: readonly (readonly [string, readonly string[]])[] = [
    ['instances', ['public_key']],
    ['commands', ['instance_id', 'idempotency_key']],
  ];
  for (const [table, columns] of unique) {
    await db.schema
      .createIndex(`${table}_${columns.join('_')}`)
      .on(table)
      .columns([...columns])
      .unique()
      .execute();
  }
  const plain: readonly (readonly [string, readonly string[]])[] = [
    ['instances', ['agent_name']],
    ['agents', ['group_name']],
    ['instance_components', ['component', 'current_version']],
    ['commands', ['instance_id', 'state']],
    ['commands', ['state', 'group_name']],
    ['commands', ['agent_name']],
    ['attempts', ['agent_name']],
    ['history', ['agent_name', 'position']],
  ];
  for (const [table, columns] of plain) {
    await db.schema
      .createIndex(`${table}_${columns.join('_')}`)
      .on(table)
      .columns([...columns])
      .execute();
  }
}

/** Columns as `name:type`, types `t`ext and `i`nteger, `?` where it may be null. */
export async function createTable(
  db: Kysely<unknown>,
  what: { readonly table: string; readonly keys: readonly string[]; readonly columns: string },
): Promise<void> {
  let builder = db.schema.createTable(what.table);
  for (const text of what.columns.split(' ')) {
    const [name = '', type = ''] = text.split(':');
    builder = builder.addColumn(name, type.startsWith('i') ? 'bigint' : 'text', (column) =>
      type.endsWith('?') ? column : column.notNull(),
    );
  }
  await builder.addPrimaryKeyConstraint(`${what.table}_key`, [...what.keys] as never[]).execute();
}
