/* What the coordinator has stored of numbered records: read from its database, each number as it stands there. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Coordinator } from '../fleet/coordinator.ts';
import { until } from '../fleet/until.ts';
import { NUMBER_DIGITS } from './feeder.ts';

/** Numbers from 1 to `count` that one program handed in under this name. */
export interface Numbered {
  readonly stream: string;
  readonly count: number;
}

export interface Found {
  readonly lost: number;
  readonly twice: number;
  readonly isInOrder: boolean;
}

const STORED_MS_MAX = 600_000;

/** Resolves when the last of them is stored. */
export async function whenStored(
  coordinator: Coordinator,
  { stream, count }: Numbered,
  detail: () => string,
): Promise<void> {
  const sql = `SELECT content FROM output WHERE stream = '${stream}' ORDER BY position DESC LIMIT 1`;
  await until(
    `${count} records of ${stream} are stored`,
    () => numbersIn(coordinator, sql).next().value === count,
    { timeoutMs: STORED_MS_MAX, detail },
  );
}

export function found(coordinator: Coordinator, { stream, count }: Numbered): Found {
  const seen = new Uint8Array(count + 1);
  let twice = 0;
  let isInOrder = true;
  let last = 0;
  const sql = `SELECT content FROM output WHERE stream = '${stream}' ORDER BY position`;
  for (const number of numbersIn(coordinator, sql)) {
    if (seen[number] === 1) twice += 1;
    seen[number] = 1;
    if (number < last) isInOrder = false;
    last = number;
  }
  const lost = count - seen.reduce((sum, one) => sum + one, 0);
  return { lost, twice, isInOrder };
}

function* numbersIn(coordinator: Coordinator, sql: string): Generator<number> {
  const database = new DatabaseSync(join(coordinator.stateDir, 'coordinator.db'), {
    readOnly: true,
  });
  try {
    for (const row of database.prepare(sql).iterate()) {
      const content = Buffer.from(row['content'] as Uint8Array).toString('latin1');
      yield Number(content.slice(0, NUMBER_DIGITS));
    }
  } finally {
    database.close();
  }
}
