/* A store looked at beside whoever serves from it, or nobody: read-only, no lock taken, damaged or of another schema as it may be. */
import { stat } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import type { DatabaseFacts } from '@moult/core/doctor';
import { CodedError } from '@moult/core/errors';
import { SCHEMA } from '../migrations/index.ts';
import { READS } from '../operations/index.ts';
import type { Store } from '../store.ts';
import { kyselyOver } from './adapter.ts';
import { databaseError, openForReading, requireSound, schemaNumbersOf } from './open.ts';

/** Reading one in full takes a second for every few hundred MiB, and output of a fleet can be many GiB. */
const READ_BYTES_MAX = 1_073_741_824;

export interface StoreView extends Pick<Store, 'read'> {
  readonly facts: DatabaseFacts;
  close(): void;
}

/** Throws `database-…` for one that cannot be opened; damage that is found in it is a fact. */
export async function viewSqliteStore(
  path: string,
  { isDeep }: { readonly isDeep: boolean },
): Promise<StoreView> {
  const bytes = await sizeOf(path);
  const isReadInFull = isDeep || bytes <= READ_BYTES_MAX;
  const connection = openForReading(path);
  try {
    const { schema, readableSince } = schemaNumbersOf(connection, path);
    const damage = isReadInFull ? damageOf(connection, path) : null;
    const db = kyselyOver(connection);
    return {
      facts: { path, bytes, schema, readableSince, knownSchema: SCHEMA, damage, isReadInFull },
      read: async (name, args) => {
        try {
          return (await (READS[name] as (db: unknown, args: unknown) => Promise<unknown>)(
            db,
            args,
          )) as never;
        } catch (caught) {
          throw databaseError(caught, path);
        }
      },
      close: () => connection.close(),
    };
  } catch (caught) {
    connection.close();
    throw databaseError(caught, path);
  }
}

function damageOf(connection: DatabaseSync, path: string): string | null {
  try {
    requireSound(connection, path);
    return null;
  } catch (caught) {
    const error = databaseError(caught, path);
    if (error instanceof CodedError && error.code === 'database-corrupt') return error.message;
    throw caught;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    throw new CodedError('database-unwritable', `there is no database ${path}`, { cause });
  }
}
