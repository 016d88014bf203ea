/*
 * Schema changes, in order, each run once and in one transaction with its number. They expand only (a program one
 * release older goes on reading and writing); `readableSince` says which schema number a program must know.
 */
import type { ColumnDataType, Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { migrateEighth } from './eighth.ts';
import { migrateEleventh } from './eleventh.ts';
import { migrateFifteenth } from './fifteenth.ts';
import { migrateFifth } from './fifth.ts';
import { migrateFirst } from './first.ts';
import { migrateFourteenth } from './fourteenth.ts';
import { migrateFourth } from './fourth.ts';
import { migrateNinth } from './ninth.ts';
import { migrateSecond } from './second.ts';
import { migrateSeventeenth } from './seventeenth.ts';
import { migrateSeventh } from './seventh.ts';
import { migrateSixteenth } from './sixteenth.ts';
import { migrateSixth } from './sixth.ts';
import { migrateTenth } from './tenth.ts';
import { migrateThird } from './third.ts';
import { migrateThirteenth } from './thirteenth.ts';
import { migrateTwelfth } from './twelfth.ts';

/** What engines call differently. */
export interface ColumnTypes {
  readonly autoPosition: ColumnDataType;
  readonly bytes: ColumnDataType;
}

export interface Migration {
  readonly schema: number;
  /** The oldest program, by the schema it knows, that can work on the result. */
  readonly readableSince: number;
  readonly up: (db: Kysely<unknown>, types: ColumnTypes) => Promise<void>;
}

const MIGRATIONS: readonly Migration[] = [
  { schema: 1, readableSince: 1, up: migrateFirst },
  { schema: 2, readableSince: 1, up: migrateSecond },
  { schema: 3, readableSince: 1, up: migrateThird },
  { schema: 4, readableSince: 1, up: migrateFourth },
  // Before it nothing made output, so that no program can miss the table that it replaces.
  { schema: 5, readableSince: 1, up: migrateFifth },
  { schema: 6, readableSince: 1, up: migrateSixth },
  { schema: 7, readableSince: 1, up: migrateSeventh },
  { schema: 8, readableSince: 1, up: migrateEighth },
  { schema: 9, readableSince: 1, up: migrateNinth },
  { schema: 10, readableSince: 1, up: migrateTenth },
  { schema: 11, readableSince: 1, up: migrateEleventh },
  { schema: 12, readableSince: 1, up: migrateTwelfth },
  { schema: 13, readableSince: 1, up: migrateThirteenth },
  { schema: 14, readableSince: 1, up: migrateFourteenth },
  { schema: 15, readableSince: 1, up: migrateFifteenth },
  { schema: 16, readableSince: 1, up: migrateSixteenth },
  { schema: 17, readableSince: 1, up: migrateSeventeenth },
];

/** The schema that this program writes. */
export const SCHEMA = 17;

/** Brings a database from `from` (0: empty) to this program's schema; the caller holds a transaction. */
export async function migrate(
  db: Kysely<Database>,
  options: { readonly from: number; readonly types: ColumnTypes },
): Promise<void> {
  for (const migration of MIGRATIONS) {
    if (migration.schema <= options.from) continue;
    await migration.up(db as unknown as Kysely<unknown>, options.types);
    await setMeta(db, 'schema', String(migration.schema));
    await setMeta(db, 'readable-since', String(migration.readableSince));
  }
  if (options.from === 0) await setMeta(db, 'generation', '1');
}

async function setMeta(db: Kysely<Database>, key: string, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute();
}
