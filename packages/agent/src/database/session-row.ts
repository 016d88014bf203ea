import type { DatabaseSync } from 'node:sqlite';
import type { SessionCopy } from './session-copy.ts';

export interface SessionSeen {
  readonly counter: number;
  readonly ticket: string;
  /** Highest store generation, and its position, that a coordinator ever told. */
  readonly generation: number;
  readonly position: number;
}

export interface SessionRow {
  read(): SessionSeen;
  /** Durably one higher than ever shown; called before each `hello` that serves. */
  raise(): SessionSeen;
  /** Keeps what a welcome gave before anything is done with the session. */
  welcome(given: {
    readonly ticket: string;
    readonly generation: number;
    readonly position: number;
  }): void;
  /** Takes over what a database that was lost had shown. */
  restore(seen: SessionSeen): void;
  /** A later position, told with a command. */
  saw(told: { readonly generation: number; readonly position: number }): void;
}

export function createSessionRow(database: DatabaseSync, copy: SessionCopy | null): SessionRow {
  const select = database.prepare('SELECT counter, ticket, generation, position FROM session');
  const raise = database.prepare('UPDATE session SET counter = counter + 1');
  const ticket = database.prepare('UPDATE session SET ticket = ?');
  const seen = database.prepare(
    `UPDATE session SET generation = ?1, position = ?2
      WHERE generation < ?1 OR (generation = ?1 AND position < ?2)`,
  );
  const read = (): SessionSeen => {
    const row = select.get();
    return {
      counter: Number(row?.['counter'] ?? 0),
      ticket: String(row?.['ticket'] ?? ''),
      generation: Number(row?.['generation'] ?? 0),
      position: Number(row?.['position'] ?? 0),
    };
  };
  return {
    read,
    raise: () => {
      raise.run();
      const seen = read();
      copy?.write(seen);
      return seen;
    },
    welcome: (given) => {
      ticket.run(given.ticket);
      seen.run(given.generation, given.position);
      copy?.write(read());
    },
    restore: ({ counter, ticket: shown, generation, position }) => {
      database
        .prepare('UPDATE session SET counter = ?, ticket = ?, generation = ?, position = ?')
        .run(counter, shown, generation, position);
    },
    saw: (told) => void seen.run(told.generation, told.position),
  };
}
