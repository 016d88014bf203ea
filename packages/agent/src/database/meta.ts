import type { DatabaseSync } from 'node:sqlite';

/** Small facts by name. */
export interface Meta {
  read(name: string): string | null;
  write(name: string, value: string): void;
  forget(name: string): void;
}

export function createMeta(database: DatabaseSync): Meta {
  const read = database.prepare('SELECT value FROM meta WHERE name = ?');
  const write = database.prepare(
    'INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  const forget = database.prepare('DELETE FROM meta WHERE name = ?');
  return {
    read: (name) => {
      const row = read.get(name);
      return row === undefined ? null : String(row['value']);
    },
    write: (name, value) => void write.run(name, value),
    forget: (name) => void forget.run(name),
  };
}
