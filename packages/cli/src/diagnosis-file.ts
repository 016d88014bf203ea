/* The parts of a diagnosis as one `.tar.gz`, which only whoever asked for it can read. Nothing is ever written over. */
import { open, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { codesIn, type DiagnosisPart, readmeOf } from '@moult/core/diagnosis';
import { CodedError } from '@moult/core/errors';
import { type TarEntry, tarStream } from '@moult/release/tar-stream';
import { codeOf, syncDirectory } from '@moult/runtime/files';

export interface DiagnosisFile {
  readonly path: string;
  readonly bytes: number;
  readonly parts: readonly Omit<DiagnosisPart, 'text'>[];
}

const OWNER_ONLY = 0o600;

/** `out`: a path where nothing is yet, or a directory. Throws `file-exists` or `file-unwritable`. */
export async function writeDiagnosis(options: {
  readonly subject: string;
  readonly parts: readonly DiagnosisPart[];
  readonly out: string;
  readonly version: string;
  readonly nowMs: number;
}): Promise<DiagnosisFile> {
  const { subject, nowMs, version } = options;
  const texts = options.parts.map(({ text, trouble }) => `${text}\n${trouble ?? ''}`);
  const parts: readonly DiagnosisPart[] = [
    ...options.parts,
    {
      name: 'codes.json',
      what: 'error codes that occur in it, and what to do about each',
      text: `${JSON.stringify(codesIn(texts), null, 2)}\n`,
      trouble: null,
    },
  ];
  const path = await pathOf(options);
  const dir = basename(path).replace(/(\.tar)?\.t?gz$/, '');
  const readme = readmeOf({ subject, version, madeMs: nowMs, parts });
  const files = [{ name: 'README', text: readme }, ...parts];
  const entries: readonly TarEntry[] = [
    { kind: 'directory', path: dir },
    ...files.map(
      ({ name, text }): TarEntry => ({
        kind: 'file',
        path: `${dir}/${name}`,
        isExecutable: false,
        content: Buffer.from(text),
      }),
    ),
  ];
  const archive = Readable.from(tarStream(entries, { mtimeMs: nowMs }));
  const bytes = await buffer(archive.pipe(createGzip()));
  await writeNew(path, bytes);
  return {
    path,
    bytes: bytes.length,
    parts: parts.map(({ name, what, trouble }) => ({ name, what, trouble })),
  };
}

async function pathOf(options: {
  readonly subject: string;
  readonly out: string;
  readonly nowMs: number;
}): Promise<string> {
  const isDir = await stat(options.out).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isDir) return options.out;
  const time = new Date(options.nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const subject = options.subject.replaceAll(/[^A-Za-z0-9.-]+/g, '-').slice(0, 80);
  return join(options.out, `moult-diagnosis-${subject}-${time}.tar.gz`);
}

/** Whole, or not there; a link that somebody laid there beforehand is not followed. */
async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  let isMade = false;
  try {
    await using file = await open(path, 'wx', OWNER_ONLY);
    isMade = true;
    await file.writeFile(bytes);
    await file.sync();
    await syncDirectory(dirname(path));
  } catch (cause) {
    if (isMade) await rm(path, { force: true }).catch(() => undefined);
    if (codeOf(cause) === 'EEXIST') {
      throw new CodedError('file-exists', `${path} is there already`, { cause });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('file-unwritable', `cannot write ${path}: ${why}`, { cause });
  }
}
