/*
 * Puts a restored state in the place of the old one. It is made and checked beside it first; then a marker says that
 * it is to be taken, and each part is moved. Whoever finds the marker goes on with that, a coordinator before it opens
 * anything: after a power cut there is the old state or the new one, never a mixture that serves.
 */
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import {
  codeOf,
  readTextIfPresent,
  removeDurably,
  syncDirectory,
  writeFileDurably,
} from '@moult/runtime/files';
import { holdSqliteStore } from '@moult/store';
import type { CoordinatorPaths } from '../config.ts';

/** Beside the state's own parts, on their file system. */
const NEW_DIR = 'restoring';
const MARKER = 'restoring.json';
/** What is replaced as a whole. Blobs are not: they bear their hashes. */
const PARTS = [
  'coordinator.db',
  'coordinator.db-wal',
  'coordinator.db-shm',
  'keys',
  'tls',
  'repository',
  'initialized',
] as const;

/** `leaving`: the old parts go aside. `coming`: they have gone, the new ones come. */
interface Marker {
  readonly aside: string;
  readonly step: 'leaving' | 'coming';
}

export function restoringDirOf(paths: CoordinatorPaths): string {
  return join(paths.stateDir, NEW_DIR);
}

/** From here on the new state is the state. Its files are fsynced already. Gives where the old one was kept. */
export async function takeRestored(paths: CoordinatorPaths, nowMs: number): Promise<string> {
  const aside = join(paths.stateDir, `before-${nowMs}`);
  await goOn(paths, { aside, step: 'leaving' });
  return aside;
}

/** Ends what a power cut left; nothing to do is the usual case. Throws `database-locked`, `file-unreadable`. */
export async function finishRestore(paths: CoordinatorPaths): Promise<void> {
  const path = join(paths.stateDir, MARKER);
  const text = await readTextIfPresent(path);
  if (text === null) return;
  const held = holdSqliteStore(paths.databasePath);
  try {
    await goOn(paths, markerIn(text, path));
  } finally {
    held.release();
  }
}

function markerIn(text: string, path: string): Marker {
  const { aside, step } = JSON.parse(text) as Partial<Marker>;
  if (typeof aside === 'string' && (step === 'leaving' || step === 'coming')) {
    return { aside, step };
  }
  throw new CodedError('file-unreadable', `${path} cannot be understood`);
}

/** Each step is marked before it begins, and leaves alone what an interrupted run has moved. */
async function goOn(paths: CoordinatorPaths, marker: Marker): Promise<void> {
  const { stateDir } = paths;
  const { aside } = marker;
  const newDir = restoringDirOf(paths);
  const markerPath = join(stateDir, MARKER);
  if (marker.step === 'leaving') {
    await writeFileDurably(markerPath, JSON.stringify(marker));
    await mkdir(aside, { recursive: true, mode: 0o700 });
    for (const part of PARTS) await moveIfThere(join(stateDir, part), join(aside, part));
    await syncDirectory(aside);
    await syncDirectory(stateDir);
    await writeFileDurably(markerPath, JSON.stringify({ aside, step: 'coming' }));
  }
  for (const part of PARTS) await moveIfThere(join(newDir, part), join(stateDir, part));
  await syncDirectory(stateDir);
  await removeDurably(markerPath);
  await rm(newDir, { recursive: true, force: true });
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
