/*
 * The entries of an archive against the manifest that comes first. Each is judged before a byte of it is
 * written: kind, mode, name, once, size. Names are only ever compared with those of the manifest.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { CodedError, type ErrorCode } from '@moult/core/errors';
import {
  MANIFEST_LIMITS,
  MANIFEST_PATH,
  type Manifest,
  type ManifestFile,
  parseManifest,
} from '@moult/core/manifest';
import { syncDirectory } from '@moult/runtime/files';
import { Parser, type ReadEntry } from 'tar';
import { sha256Of } from './digest.ts';

const MIB = 1024 * 1024;

export const PACK_LIMITS: {
  readonly packBytesMax: number;
  readonly plainBytesMax: number;
  readonly ratioMax: number;
  readonly ratioFromBytes: number;
  readonly metaEntryBytesMax: number;
} = {
  /** A tree may have 2 GiB; a pack is never larger than its tree. */
  packBytesMax: MANIFEST_LIMITS.totalBytesMax,
  /** The tree, its manifest, and a header and padding of at most 1 KiB for each entry and directory. */
  plainBytesMax: MANIFEST_LIMITS.totalBytesMax + 16 * MIB,
  /** Executables shrink to a third, text to a tenth. */
  ratioMax: 100,
  /** Ratios say nothing about less than this. */
  ratioFromBytes: 16 * MIB,
  /** An extended header holds a path. */
  metaEntryBytesMax: 16 * 1024,
};

const MODE_SPECIAL = 0o7000;

export interface PackContents {
  readonly manifest: Manifest;
  readonly digest: string;
  readonly manifestBytes: Buffer;
  readonly files: readonly { readonly sha256: string; readonly path: string }[];
}

export interface PackEntries {
  readonly sink: Writable;
  /** After the sink has finished: everything that was named is there and on disk, or a `pack-…` error. */
  finish(): Promise<PackContents>;
}

interface Progress {
  manifest: Manifest | null;
  manifestBytes: Buffer;
  /** Files of the manifest by path. */
  wanted: Map<string, ManifestFile>;
  /** Folded names that were seen. */
  readonly seen: Set<string>;
  readonly kept: Map<string, string>;
  entries: number;
}

/** Reads uncompressed tar bytes written to `sink`. `name` is the pack's, for messages. */
export function readPackEntries(options: {
  readonly stagingDir: string;
  readonly name: string;
}): PackEntries {
  const progress: Progress = {
    manifest: null,
    manifestBytes: Buffer.alloc(0),
    wanted: new Map(),
    seen: new Set(),
    kept: new Map(),
    entries: 0,
  };
  const context = { ...options, progress };
  const parser = new Parser({
    strict: true,
    maxMetaEntrySize: PACK_LIMITS.metaEntryBytesMax,
    onReadEntry: () => undefined,
  });
  const run: Run = { failure: null, pending: Promise.resolve(), current: null, hasEnded: false };
  listen(parser, run, context);
  return {
    sink: sinkOf(parser, run, options.name),
    finish: () => finishPack(context, run.hasEnded),
  };
}

/** How far one reading has come. */
interface Run {
  /** The first thing that went wrong: it names the pack's fault, what follows from it does not. */
  failure: unknown;
  /** Ends when every entry announced so far was dealt with. */
  pending: Promise<void>;
  current: ReadEntry | null;
  /** The archive's end mark was seen. */
  hasEnded: boolean;
}

function listen(parser: Parser, run: Run, context: Context): void {
  const { name } = context;
  parser.on('error', (error: Error) => {
    run.failure ??= archiveError(name, error);
  });
  parser.on('ignoredEntry', (entry: ReadEntry) => {
    run.failure ??= refusal(
      'pack-extra-file',
      name,
      `an unknown kind of entry: ${shown(entry.path)}`,
    );
  });
  parser.on('eof', () => {
    run.hasEnded = true;
  });
  parser.on('entry', (entry: ReadEntry) => {
    // One after the other: the entry before may still be fsyncing when the next one is announced.
    run.pending = run.pending
      .then(() => {
        run.current = entry;
        return takeEntry(entry, context, () => run.failure !== null);
      })
      .catch((error: unknown) => {
        run.failure ??= error;
        entry.resume();
      });
  });
}

function sinkOf(parser: Parser, run: Run, name: string): Writable {
  const feed = (work: () => boolean): boolean => {
    try {
      return work();
    } catch (error) {
      run.failure ??= archiveError(name, error);
      return true;
    }
  };
  const outcome = () => (run.failure === null ? null : asError(run.failure));
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const hasRoom = feed(() => parser.write(chunk));
      if (run.failure !== null || hasRoom) done(outcome());
      else parser.once('drain', () => done(outcome()));
    },
    final(done) {
      feed(() => {
        parser.end();
        return true;
      });
      run.pending.then(() => done(outcome()), done);
    },
    destroy(error, done) {
      // Whatever still writes to the staging directory ends before its owner removes it: an entry whose rest will
      // never come is told so.
      if (error !== null) {
        run.failure ??= error;
        run.current?.destroy(error);
      }
      const end = () => done(error);
      run.pending.then(end, end);
    },
  });
}

interface Context {
  readonly stagingDir: string;
  readonly name: string;
  readonly progress: Progress;
}

async function takeEntry(
  entry: ReadEntry,
  context: Context,
  isFailed: () => boolean,
): Promise<void> {
  const { progress, name } = context;
  if (isFailed()) {
    entry.resume();
    return;
  }
  progress.entries += 1;
  if (progress.entries > MANIFEST_LIMITS.filesMax * 2)
    throw refusal('pack-too-large', name, 'too many entries');
  refuseKind(entry, name);
  if (progress.manifest === null) {
    await takeManifest(entry, context);
    return;
  }
  const isDirectory = entry.type === 'Directory';
  const path = isDirectory ? entry.path.replace(/\/$/, '') : entry.path;
  refuseTwin(path, context);
  if (isDirectory) {
    const isNeeded = [...progress.wanted.keys()].some((file) => file.startsWith(`${path}/`));
    if (!isNeeded)
      throw refusal(
        'pack-extra-file',
        name,
        `a directory that the manifest does not need: ${shown(path)}`,
      );
    entry.resume();
    return;
  }
  const file = progress.wanted.get(path);
  if (file === undefined)
    throw refusal(
      'pack-extra-file',
      name,
      `a file that the manifest does not name: ${shown(path)}`,
    );
  if (entry.size !== file.length) {
    throw refusal(
      'pack-hash-mismatch',
      name,
      `${path} has ${entry.size} bytes, its manifest says ${file.length}`,
    );
  }
  await takeFile(entry, file, context);
}

/** The first entry: small, and read into memory before anything is written. */
async function takeManifest(entry: ReadEntry, context: Context): Promise<void> {
  const { progress, name } = context;
  if (entry.path !== MANIFEST_PATH || entry.type === 'Directory') {
    throw refusal('pack-manifest-missing', name, `it begins with ${shown(entry.path)}`);
  }
  if (entry.size > MANIFEST_LIMITS.bytesMax)
    throw refusal('pack-too-large', name, 'its manifest is too large');
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk);
  progress.manifestBytes = Buffer.concat(chunks);
  const manifest = parseManifest(progress.manifestBytes.toString('utf8'));
  progress.wanted = new Map(manifest.files.map((file) => [file.path, file]));
  progress.manifest = manifest;
  progress.seen.add(folded(MANIFEST_PATH));
}

async function takeFile(entry: ReadEntry, file: ManifestFile, context: Context): Promise<void> {
  const { progress, name, stagingDir } = context;
  // The file's number is its name here: nothing of the archive's text reaches a path.
  const path = join(stagingDir, String(progress.entries));
  const hash = createHash('sha256');
  const handle: FileHandle = await open(path, 'wx', 0o644);
  try {
    for await (const chunk of entry) {
      hash.update(chunk);
      await handle.write(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (hash.digest('hex') !== file.sha256) {
    throw refusal('pack-hash-mismatch', name, `${file.path} is not what its manifest says`);
  }
  progress.kept.set(file.sha256, path);
}

async function finishPack(context: Context, hasEnded: boolean): Promise<PackContents> {
  const { progress, name, stagingDir } = context;
  if (progress.manifest === null) throw refusal('pack-not-a-pack', name, 'it holds nothing');
  if (!hasEnded) throw refusal('pack-truncated', name, 'it has no end mark');
  const missing = progress.manifest.files.find((file) => !progress.seen.has(folded(file.path)));
  if (missing !== undefined)
    throw refusal('pack-missing-file', name, `${missing.path} is not in it`);
  await syncDirectory(stagingDir);
  return {
    manifest: progress.manifest,
    digest: sha256Of(progress.manifestBytes),
    manifestBytes: progress.manifestBytes,
    files: [...progress.kept].map(([sha256, path]) => ({ sha256, path })),
  };
}

function refuseKind(entry: ReadEntry, name: string): void {
  const { path } = entry;
  const segments = path.split('/');
  if (
    path.startsWith('/') ||
    path.includes('\\') ||
    /^[A-Za-z]:/.test(path) ||
    segments.includes('..')
  ) {
    throw refusal('pack-traversal', name, `it names ${shown(path)}`);
  }
  switch (entry.type) {
    case 'File':
    case 'OldFile':
    case 'Directory':
      break;
    case 'Link':
    case 'SymbolicLink':
      throw refusal('pack-link', name, `${shown(path)} is a link`);
    case 'CharacterDevice':
    case 'BlockDevice':
    case 'FIFO':
      throw refusal('pack-device', name, `${shown(path)} is a device or a pipe`);
    default:
      throw refusal('pack-extra-file', name, `${shown(path)} is of an unknown kind`);
  }
  if (((entry.mode ?? 0) & MODE_SPECIAL) !== 0) {
    throw refusal('pack-setuid', name, `${shown(path)} has a set-id or sticky bit`);
  }
}

/** Names that some file system takes for one. */
function refuseTwin(path: string, context: Context): void {
  const { seen } = context.progress;
  const name = folded(path);
  if (seen.has(name)) throw refusal('pack-twin', context.name, `${shown(path)} is in it twice`);
  seen.add(name);
}

function folded(path: string): string {
  return path.normalize('NFC').toLowerCase();
}

function archiveError(name: string, error: unknown): unknown {
  if (error instanceof CodedError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const code = /truncated/i.test(text) ? 'pack-truncated' : 'pack-not-a-pack';
  return new CodedError(code, `${name} is no sound archive: ${text}`, { cause: error });
}

function refusal(code: ErrorCode, name: string, why: string): CodedError {
  return new CodedError(code, `${name}: ${why}`);
}

/** Names from an archive reach terminals and logs quoted and cut. */
function shown(path: string): string {
  return JSON.stringify(path.slice(0, 200));
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
