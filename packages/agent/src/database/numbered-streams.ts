import type { DatabaseSync } from 'node:sqlite';
import { CodedError } from '@moult/core/errors';

/** Programs have a handful; each costs a row for ever. */
const STREAMS_MAX = 1_000;

/** The last number that each numbered stream of the host's programs has had. Written within the caller's transaction. */
export interface NumberedStreams {
  /** 0: none yet. */
  last(stream: string): number;
  /** Throws `output-invalid` where there are too many streams. */
  note(stream: string, number: number): void;
}

export function createNumberedStreams(database: DatabaseSync): NumberedStreams {
  const find = database.prepare('SELECT number FROM numbered_streams WHERE stream = ?');
  const count = database.prepare('SELECT COUNT(*) AS count FROM numbered_streams');
  const set = database.prepare(
    'INSERT INTO numbered_streams VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET number = excluded.number',
  );
  const last = (stream: string) => Number(find.get(stream)?.['number'] ?? 0);
  return {
    last,
    note: (stream, number) => {
      if (last(stream) === 0 && Number(count.get()?.['count']) >= STREAMS_MAX) {
        throw new CodedError('output-invalid', `more than ${STREAMS_MAX} numbered streams`);
      }
      set.run(stream, number);
    },
  };
}
