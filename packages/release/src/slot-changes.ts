/*
 * H16: all that is other in a slot than its manifest says, where `verifySlot` stops at the first. Both agree on whether there is
 * anything. No link is followed, and nothing that is no file is opened.
 */
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CHANGED_FILES_MAX, type ChangedFile, type SlotChanges } from '@moult/core/changed-files';
import { MANIFEST_LIMITS, MANIFEST_PATH, type Manifest, parseManifest } from '@moult/core/manifest';
import { codeOf } from '@moult/runtime/files';
import { withFile } from './blob-store.ts';
import { digestOf, sha256Of } from './digest.ts';
import { hasMode, readManifestFile } from './verify-slot.ts';

/** Names that are looked at in one slot; a release has a thousand files at most. */
const ENTRIES_MAX = 10_000;

/** Hashes of files that were read before, by what tells whether they were written to since. */
export type KnownHashes = Map<string, string>;

export interface LookOptions {
  readonly dir: string;
  /** What the boot record, or a release, says that it is. */
  readonly digest: string;
  /** The right one, where it is at hand: the one that lies there may be changed, too. */
  readonly manifest?: Manifest;
  /** Files that nobody has written to since they stand in it are not read again; those that are read are added. */
  readonly known?: KnownHashes;
  readonly signal?: AbortSignal | undefined;
}

export async function slotChanges(look: LookOptions): Promise<SlotChanges> {
  const options = { ...look, known: look.known ?? new Map<string, string>() };
  const { dir, digest } = options;
  const text = await readManifestFile(dir);
  const isRight = typeof text !== 'string' && sha256Of(text) === digest;
  const manifest = options.manifest ?? (typeof text === 'string' ? null : readable(text));
  const wanted = new Map(manifest?.files.map((file) => [file.path, file]));
  const found = await entriesIn(dir);
  const files: ChangedFile[] = [];
  let more = found.more;
  const note = async (path: string, how: ChangedFile['how']) => {
    if (files.length >= CHANGED_FILES_MAX) more += 1;
    else
      files.push(how === 'removed' ? gone(path) : { path, how, ...(await looked(options, path)) });
  };
  if (!isRight) await note(MANIFEST_PATH, found.paths.has(MANIFEST_PATH) ? 'changed' : 'removed');
  for (const path of found.paths) {
    options.signal?.throwIfAborted();
    if (path === MANIFEST_PATH) {
      if (isRight && !(await hasMode(join(dir, path), false))) await note(path, 'mode');
      continue;
    }
    const file = wanted.get(path);
    if (file === undefined) await note(path, 'added');
    else if ((await looked(options, path)).sha256 !== file.sha256) await note(path, 'changed');
    else if (!(await hasMode(join(dir, path), file.executable))) await note(path, 'mode');
  }
  for (const path of wanted.keys()) if (!found.paths.has(path)) await note(path, 'removed');
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, count: files.length + more };
}

function readable(bytes: Buffer): Manifest | null {
  try {
    return parseManifest(bytes.toString('utf8'));
  } catch {
    return null;
  }
}

/** Everything but directories, and those that are empty. */
async function entriesIn(
  dir: string,
): Promise<{ readonly paths: ReadonlySet<string>; readonly more: number }> {
  const paths = new Set<string>();
  let more = 0;
  const visit = async (below: string): Promise<void> => {
    const entries = await readdir(join(dir, below), { withFileTypes: true }).catch((error) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    });
    if (entries.length === 0 && below !== '') paths.add(`${below}/`);
    for (const entry of entries) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (paths.size >= ENTRIES_MAX) more += 1;
      else if (entry.isDirectory()) await visit(path);
      else paths.add(path);
    }
  };
  await visit('');
  return { paths, more };
}

type Look = Omit<ChangedFile, 'path' | 'how'>;

const gone = (path: string): ChangedFile => ({
  path,
  how: 'removed',
  sha256: null,
  bytes: 0,
  modifiedMs: 0,
});

/** What lies there now. Not blocking, so that a planted pipe cannot hold us. */
async function looked({ dir, known, signal }: LookOptions, path: string): Promise<Look> {
  const place = join(dir, path);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const there = await lstat(place).catch(() => null);
  const nothing = { sha256: null, bytes: 0, modifiedMs: Math.floor(there?.mtimeMs ?? 0) };
  if (there?.isFile() !== true) return nothing;
  try {
    return await withFile(open(place, flags), async (file) => {
      const before = await file.stat({ bigint: true });
      if (!before.isFile()) return nothing;
      const bytes = Number(before.size);
      const modifiedMs = Number(before.mtimeMs);
      if (bytes > MANIFEST_LIMITS.fileBytesMax) return { sha256: null, bytes, modifiedMs };
      const identity = `${place} ${before.dev} ${before.ino} ${before.size} ${before.ctimeNs}`;
      const sha256 = known?.get(identity) ?? (await digestOf(file, bytes, signal)).sha256;
      const after = await file.stat({ bigint: true });
      // Written to meanwhile: the hash is of nothing that ever was.
      if (after.ctimeNs !== before.ctimeNs) return { sha256: null, bytes, modifiedMs };
      known?.set(identity, sha256);
      return { sha256, bytes, modifiedMs };
    });
  } catch (error) {
    if (codeOf(error) === null || signal?.aborted) throw error;
    return nothing;
  }
}
