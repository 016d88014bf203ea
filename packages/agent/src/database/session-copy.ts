/*
 * Counter and ticket once more, beside the database: one that was lost must not make this host look like a clone of
 * itself. Written before the counter is shown and after a ticket was given; read only when the database is begun anew.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { codeOf } from '@moult/runtime/files';
import type { SessionSeen } from './session-row.ts';

export interface SessionCopy {
  write(seen: SessionSeen): void;
  /** Null: there is none that can be read. */
  read(): SessionSeen | null;
}

/** Not durable in its directory: a power cut leaves the copy before, whose ticket the coordinator takes too. */
export function createSessionCopy(path: string): SessionCopy {
  return {
    write: (seen) => {
      const file = openSync(`${path}.tmp`, 'w', 0o600);
      try {
        writeFileSync(file, JSON.stringify(seen));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(`${path}.tmp`, path);
    },
    read: () => {
      try {
        const { counter, ticket, generation, position } = JSON.parse(
          readFileSync(path, 'utf8'),
        ) as Record<string, unknown>;
        if (typeof counter !== 'number' || typeof ticket !== 'string') return null;
        return { counter, ticket, generation: Number(generation), position: Number(position) };
      } catch (error) {
        if (error instanceof SyntaxError || codeOf(error) === 'ENOENT') return null;
        throw error;
      }
    },
  };
}
