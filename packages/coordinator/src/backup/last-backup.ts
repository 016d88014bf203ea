/* When the last backup of this state was made: for people who ask whether there is one. It is not part of any backup. */
import { join } from 'node:path';
import { readTextIfPresent, writeFileDurably } from '@moult/runtime/files';
import type { CoordinatorPaths } from '../config.ts';

export async function noteBackup(
  paths: Pick<CoordinatorPaths, 'stateDir'>,
  made: { readonly madeMs: number; readonly path: string },
): Promise<void> {
  await writeFileDurably(notePath(paths), `${JSON.stringify(made)}\n`);
}

/** Null: none that is known. */
export async function lastBackupMs(
  paths: Pick<CoordinatorPaths, 'stateDir'>,
): Promise<number | null> {
  const text = await readTextIfPresent(notePath(paths));
  if (text === null) return null;
  try {
    const { madeMs } = JSON.parse(text) as { readonly madeMs?: unknown };
    return typeof madeMs === 'number' ? madeMs : null;
  } catch {
    return null;
  }
}

function notePath({ stateDir }: Pick<CoordinatorPaths, 'stateDir'>): string {
  return join(stateDir, 'last-backup.json');
}
