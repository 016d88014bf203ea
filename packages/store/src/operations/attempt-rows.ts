import type { AttemptTable } from '../database.ts';
import type { ReadContext } from './context.ts';
import { prepared, preparedByNames } from './prepared.ts';

export async function attemptOf(
  db: ReadContext,
  of: { readonly commandId: string; readonly attempt: number },
): Promise<AttemptTable | null> {
  const [row] = await attemptFor(db, of);
  return row ?? null;
}

const attemptFor = prepared((db, of: { readonly commandId: string; readonly attempt: number }) =>
  db
    .selectFrom('attempts')
    .selectAll()
    .where('command_id', '=', of.commandId)
    .where('attempt', '=', of.attempt),
);

type AttemptChange = Pick<AttemptTable, 'command_id' | 'attempt'> & Partial<AttemptTable>;

/** Sets the given columns. */
export async function changeAttempt(db: ReadContext, change: AttemptChange): Promise<void> {
  await updateAttempt(db, change);
}

const updateAttempt = preparedByNames((db, change: AttemptChange) => {
  const { command_id, attempt, ...set } = change;
  return db
    .updateTable('attempts')
    .set(set)
    .where('command_id', '=', command_id)
    .where('attempt', '=', attempt);
});
