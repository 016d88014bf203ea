import type { ReadContext } from './context.ts';

export interface StoreLife {
  /** Counts the lives of this store; a restore raises it. */
  readonly generation: number;
  /** The last row of history. */
  readonly position: number;
}

export async function storeLife(db: ReadContext, _args: null): Promise<StoreLife> {
  const meta = await db
    .selectFrom('meta')
    .select('value')
    .where('key', '=', 'generation')
    .executeTakeFirst();
  const last = await db
    .selectFrom('history')
    .select('position')
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst();
  return { generation: Number(meta?.value ?? 1), position: last?.position ?? 0 };
}
