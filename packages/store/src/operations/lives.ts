/* Lives of the store (core/restore): how one begins, whether it is adopted, and which agents are ahead of it. */
import { CodedError } from '@moult/core/errors';
import {
  firstPosition,
  nextGeneration,
  type RestoredLife,
  type SeenPlace,
  type StorePlace,
} from '@moult/core/restore';
import type { LifeTable } from '../restore-tables.ts';
import { COORDINATOR, type Order, type ReadContext, type WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { noteVersion } from './maintenance.ts';
import { ONE, prepared } from './prepared.ts';

const generationRow = prepared((db, _: object) =>
  db.selectFrom('meta').select('value').where('key', '=', 'generation'),
);
const lastPosition = prepared((db, _: object) =>
  db.selectFrom('history').select('position').orderBy('position', 'desc').limit(ONE),
);
const positionRow = prepared((db, row: { readonly position: number }) =>
  db.selectFrom('history').select('position').where('position', '=', row.position),
);
const newest = prepared((db, _: object) =>
  db.selectFrom('lives').selectAll().orderBy('generation', 'desc').limit(ONE),
);

/** Which life, and the last row of history. */
export async function storeLife(db: ReadContext, _args: null): Promise<StorePlace> {
  const [meta] = await generationRow(db, {});
  const [last] = await lastPosition(db, {});
  return { generation: Number(meta?.value ?? 1), position: last?.position ?? 0 };
}

/** What an agent says that it has seen, and whether history has it. */
export async function placeSeen(db: ReadContext, seen: StorePlace): Promise<SeenPlace> {
  const [row] = await positionRow(db, { position: seen.position });
  return { ...seen, isKept: row !== undefined };
}

/** A process begins to serve this store: its history leaves out what a lost life may have told (RS3). */
export async function beginRun(
  context: WriteContext,
  args: { readonly nowMs: number; readonly version: string },
): Promise<null> {
  const { nowMs, version } = args;
  const last = await storeLife(context.db, null);
  const position = firstPosition(last.position, nowMs);
  await addHistory(context, { nowMs, position, kind: 'coordinator-started', detail: { version } });
  await noteVersion(context, { version, nowMs });
  return null;
}

/** The life that waits to be adopted; null: none does. */
export async function unadoptedLife(db: ReadContext, _args: null): Promise<LifeTable | null> {
  const life = await newestLife(db, null);
  return life === null || life.adopted_ms !== null ? null : life;
}

/** RS4: until it is adopted everything holds. */
export async function isHeldByRestore(db: ReadContext): Promise<boolean> {
  return (await unadoptedLife(db, null)) !== null;
}

export interface BeginningLife {
  readonly origin: LifeTable['origin'];
  /** Seen elsewhere: the new generation is above it; 0: nowhere. */
  readonly aboveGeneration: number;
  readonly nowMs: number;
  readonly principal: string;
  readonly why: string;
}

/** RS1: a generation above all that was seen, and the mark *restored, not adopted*, in one transaction. */
export async function beginLife(context: WriteContext, args: BeginningLife): Promise<StorePlace> {
  const { origin, nowMs, principal, why } = args;
  const last = await storeLife(context.db, null);
  const generation = nextGeneration(Math.max(last.generation, args.aboveGeneration), nowMs);
  const position = await addHistory(context, {
    nowMs,
    kind: 'coordinator-restored',
    principal,
    why,
    detail: { origin, generation, from: last },
  });
  const row: LifeTable = {
    generation,
    from_generation: last.generation,
    from_position: last.position,
    position,
    began_ms: nowMs,
    origin,
    why,
    adopted_ms: null,
    adopted_by: null,
    adopted_why: null,
  };
  await context.db.insertInto('lives').values(row).execute();
  await leaveOutputPositions(context, nowMs);
  await context.db
    .updateTable('meta')
    .set({ value: String(generation) })
    .where('key', '=', 'generation')
    .execute();
  return { generation, position };
}

/** More than any life can have written since its backup. */
const OUTPUT_POSITIONS_LEFT = 1_000_000_000;

/** Q23: positions of output that the lost life has given are given to nothing else; where they would be is a gap. */
async function leaveOutputPositions(context: WriteContext, nowMs: number): Promise<void> {
  const gap = {
    instance_id: '',
    epoch: '',
    sequence: 0,
    kind: 'gap',
    stream: '',
    task: '',
    run: '',
    at_ms: nowMs,
    received_ms: nowMs,
    content: Buffer.from(JSON.stringify({ reason: 'coordinator-restored', items: 0, bytes: 0 })),
  } as const;
  const { position } = await context.db
    .insertInto('output')
    .values(gap)
    .returning('position')
    .executeTakeFirstOrThrow();
  await context.db.deleteFrom('output').where('position', '=', position).execute();
  await context.db
    .insertInto('output')
    .values({ ...gap, position: position + OUTPUT_POSITIONS_LEFT })
    .execute();
}

/** Lifts the hold. Again is no error: the first adoption stands. Throws `not-restored`. */
export async function adopt(context: WriteContext, order: Order): Promise<LifeTable> {
  const { nowMs, principal, why } = order;
  const life = await newestLife(context.db, null);
  if (life === null) {
    throw new CodedError('not-restored', 'this coordinator was never restored from a backup');
  }
  if (life.adopted_ms !== null) return life;
  const change = { adopted_ms: nowMs, adopted_by: principal, adopted_why: why };
  await context.db
    .updateTable('lives')
    .set(change)
    .where('generation', '=', life.generation)
    .execute();
  const detail = { generation: life.generation };
  await addHistory(context, { nowMs, kind: 'coordinator-adopted', principal, why, detail });
  return { ...life, ...change };
}

/** Null: this store was never restored. */
export async function newestLife(db: ReadContext, _args: null): Promise<LifeTable | null> {
  return (await newest(db, {}))[0] ?? null;
}

/** Newest first: one a restore. */
export async function restoredLives(db: ReadContext): Promise<readonly RestoredLife[]> {
  const rows = await db.selectFrom('lives').selectAll().orderBy('generation', 'desc').execute();
  return rows.map((row) => ({
    generation: row.generation,
    fromGeneration: row.from_generation,
    fromPosition: row.from_position,
    position: row.position,
  }));
}

/** RS3: a life that nobody began is begun when an agent shows that there was more. */
export function noticeRestore(
  context: WriteContext,
  of: {
    readonly agentName: string;
    readonly seen: StorePlace;
    /** It has seen nothing else that is lost: its last session is. */
    readonly isSessionLost: boolean;
    readonly nowMs: number;
  },
): Promise<StorePlace> {
  const { generation, position } = of.seen;
  return beginLife(context, {
    origin: 'noticed',
    aboveGeneration: generation,
    nowMs: of.nowMs,
    principal: COORDINATOR,
    why: of.isSessionLost
      ? `${of.agentName} has had a session that this store does not have`
      : `${of.agentName} has seen position ${position} of generation ${generation}, which this store does not have`,
  });
}
