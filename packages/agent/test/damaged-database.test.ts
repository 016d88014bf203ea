import { openSync, readFileSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { until } from '../../../test/support/manual-clock.ts';
import { TestHost } from './support/host.ts';

/** Overwrites the root page of a table, as a disk that lost a block does; the schema stays readable. */
function damage(path: string, table: string): void {
  const database = new DatabaseSync(path);
  const root = database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(table);
  const size = database.prepare('PRAGMA page_size').get();
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  const pageBytes = Number(size?.['page_size']);
  expect(readFileSync(path).length).toBeGreaterThan(pageBytes);
  const at = (Number(root?.['rootpage']) - 1) * pageBytes;
  writeSync(openSync(path, 'r+'), Buffer.alloc(pageBytes, 0xab), 0, pageBytes, at);
}

for (const table of ['upgrade_record', 'inbox', 'outbox', 'stream', 'session', 'meta']) {
  test(`T24: an agent.db whose table ${table} is damaged is kept aside, and the host serves`, async () => {
    const host = new TestHost();
    host.store().close();
    damage(host.databasePath, table);
    const agent = host.boot();
    await until(() => host.coordinator.received.length > 0 || agent.error !== undefined, 'the gap');
    expect(agent.error).toBeUndefined();
    expect(host.coordinator.received[0]?.items[0]).toMatchObject({
      item: 'gap',
      gap: { reason: 'agent-database-lost' },
    });
    agent.stop();
    await agent.ended;
  });
}
