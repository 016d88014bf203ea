/*
 * Queries that run thousands of times a second are built once: building and compiling one costs several times what
 * SQLite needs to answer it. A query is built with stand-ins for what it will be given, and only these change.
 */
import type { Compilable, CompiledQuery, Kysely } from 'kysely';
import type { Database } from '../database.ts';

class StandIn {
  readonly name: PropertyKey;

  constructor(name: PropertyKey) {
    this.name = name;
  }
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
