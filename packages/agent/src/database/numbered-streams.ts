import type { DatabaseSync } from 'node:sqlite';

/** The last number that each numbered stream of the host's programs has had. Written within the caller's transaction. */
export interface NumberedStreams {
  /** 0: none yet. */
  last(stream: string): number;
  /** How many there are. */
  count(): number;
  note(stream: string, number: number): void;
}

export function createNumberedStreams(database: DatabaseSync): NumberedStreams {
  const find = database.prepare('SELECT number FROM numbered_streams WHERE stream = ?');
  const count = database.prepare('SELECT count(*) AS count FROM numbered_streams');
  const set = database.prepare(
    'INSERT INTO numbered_streams VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET number = excluded.number',
  );
  return {
    last: (stream) => Number(find.get(stream)?.['number'] ?? 0),
    count: () => Number(count.get()?.['count']),
    note: (stream, number) => void set.run(stream, number),
  };
}
