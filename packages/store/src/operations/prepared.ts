/*
 * Queries that run thousands of times a second are built once: building and compiling one costs several times what
 * SQLite needs to answer it. A query is built with stand-ins for what it will be given, and only these change.
 */
import { type Compilable, type CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely';
import type { Database } from '../database.ts';

/** A limit in the text. Given as a value of its own, SQLite would plan the query anew each time that it is asked. */
export const ONE: RawBuilder<number> = sql.lit(1);

/** The same for a limit that differs from call to call. */
export function upTo(limit: number): RawBuilder<number> {
  return sql<number>`${limit} + 0`;
}

class StandIn {
  readonly name: PropertyKey;

  constructor(name: PropertyKey) {
    this.name = name;
  }
}

/**
 * The same where the columns differ from call to call: built once for each set of names that it is given. The names are
 * those of columns, never of anybody's data.
 */
export function preparedByNames<Given extends object, Row>(
  build: (db: Kysely<Database>, given: Given) => Compilable<Row>,
): (db: Kysely<Database>, given: Given) => Promise<readonly Row[]> {
  const known = new Map<string, (db: Kysely<Database>, given: Given) => Promise<readonly Row[]>>();
  return async (db, given) => {
    const names = Object.keys(given);
    const key = names.join(' ');
    let query = known.get(key);
    if (query === undefined) {
      const standIns = Object.fromEntries(names.map((name) => [name, new StandIn(name)]));
      query = prepared((handle) => build(handle, standIns as Given));
      known.set(key, query);
    }
    return query(db, given);
  };
}

/**
 * `build` may only place what it is given as a value of the query, once or more: it sees stand-ins, so that what it
 * computes from them is wrong.
 */
export function prepared<Given extends object, Row>(
  build: (db: Kysely<Database>, given: Given) => Compilable<Row>,
): (db: Kysely<Database>, given: Given) => Promise<readonly Row[]> {
  const built = new WeakMap<Kysely<Database>, CompiledQuery<Row>>();
  return async (db, given) => {
    const query = built.get(db) ?? buildOnce(db);
    const parameters = query.parameters.map((value) =>
      value instanceof StandIn ? given[value.name as keyof Given] : value,
    );
    return (await db.executeQuery<Row>({ ...query, parameters } as CompiledQuery<Row>)).rows;
  };

  function buildOnce(db: Kysely<Database>): CompiledQuery<Row> {
    const standIns = new Proxy({}, { get: (_, name) => new StandIn(name) }) as Given;
    const query = build(db, standIns).compile();
    built.set(db, query);
    return query;
  }
}
