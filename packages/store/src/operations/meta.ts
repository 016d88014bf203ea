import type { ReadContext } from './context.ts';
import { prepared } from './prepared.ts';

export interface StoreLife {
  /** Counts the lives of this store; a restore raises it. */
  readonly generation: number;
  /** The last row of history. */
  readonly position: number;
}

const generation = prepared((db, _: object) =>
  db.selectFrom('meta').select('value').where('key', '=', 'generation'),
);
const lastPosition = prepared((db, _: object) =>
  db.selectFrom('history').select('position').orderBy('position', 'desc').limit(1),
);

export async function storeLife(db: ReadContext, _args: null): Promise<StoreLife> {
  const [meta] = await generation(db, {});
  const [last] = await lastPosition(db, {});
  return { generation: Number(meta?.value ?? 1), position: last?.position ?? 0 };
}
