/* A store as a file: copied while it is in use, held while nobody may use it, and asked where it is. */
import type { StorePlace } from '@moult/core/restore';
import { storeLife } from '../operations/lives.ts';
import { kyselyOver } from './adapter.ts';
import { databaseError, lockDatabase, openForReading } from './open.ts';

/** A consistent copy as of one moment, whoever writes meanwhile. `intoPath` must not be there. */
export function copySqliteStore(path: string, intoPath: string): void {
  const connection = openForReading(path);
  try {
    connection.exec('PRAGMA query_only=OFF');
    connection.prepare('VACUUM INTO ?').run(intoPath);
  } catch (caught) {
    throw databaseError(caught, path);
  } finally {
    connection.close();
  }
}

/** Throws `database-locked` while a coordinator works on it. */
export function holdSqliteStore(path: string): { release(): void } {
  const lock = lockDatabase(path);
  return { release: () => lock.close() };
}

/** Of a store that nobody has to have open. */
export async function sqliteStorePlace(path: string): Promise<StorePlace> {
  const connection = openForReading(path);
  try {
    return await storeLife(kyselyOver(connection), null);
  } catch (caught) {
    throw databaseError(caught, path);
  } finally {
    connection.close();
  }
}
