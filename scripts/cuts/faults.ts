/*
 * Faults of a host's disk and of its processes, begun while it works and mended later. Real ones where that can be done:
 * a small tmpfs that is full, or has no inode left (for root: it is mounted), and a limit of open files; the others are
 * errors that strace gives instead of making the call. A host whose calls are to fail is stopped for that moment, so that
 * it does not run on while strace attaches.
 */
import { execFile } from 'node:child_process';
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf } from '@moult/runtime/files';
import type { Host } from '../fleet/host.ts';
import { processesOf, signalPid } from '../fleet/processes.ts';
import { Tracer } from '../fleet/tracer.ts';

export const FAULTS = [
  'no-space',
  'no-inodes',
  'over-quota',
  'read-only',
  'io-error',
  'no-handles',
] as const;

export type Fault = (typeof FAULTS)[number];

export interface BegunFault {
  mend(): Promise<void>;
}

const run = promisify(execFile);

/** Three real trees of a release and what an upgrade adds, with its reserve; the rest is filled by the fault. */
const DISK_MIB = 640;
const DISK_INODES = 4_096;
/** In the way of whoever wants space or inodes. */
const FILLER = 'filler';
/** Calls that change a disk. Opening is not among them: strace cannot tell writing from reading. */
const CHANGING = [
  ...['fsync', 'fdatasync', 'pwrite64', 'ftruncate', 'rename', 'renameat', 'renameat2'],
  ...['mkdir', 'mkdirat', 'link', 'linkat', 'symlink', 'symlinkat'],
];
/** Where nothing may be written, nothing may be removed either. */
const REMOVING = ['unlink', 'unlinkat', 'rmdir'];

/** A file system of its own for a host, where this process may mount one. Resolves to what takes it away again. */
export async function mountDisk(dir: string): Promise<(() => Promise<void>) | null> {
  await mkdir(dir, { recursive: true });
  const options = `size=${DISK_MIB}m,nr_inodes=${DISK_INODES},mode=755`;
  try {
    await run('mount', ['-t', 'tmpfs', '-o', options, 'moult-cuts', dir]);
  } catch {
    return null;
  }
  return async () => {
    // Whatever still has a file open there does not keep the name.
    await run('umount', ['--lazy', dir]);
  };
}

/** Of one that `mountDisk` has made, while it is used. */
export async function resizeDisk(dir: string, sizeMiB: number): Promise<void> {
  await run('mount', ['-o', `remount,size=${sizeMiB}m`, dir]);
}

export async function beginFault(
  fault: Fault,
  host: Host,
  disk: { readonly isOwn: boolean },
): Promise<BegunFault> {
  const pids = (await processesOf(host.root)).map(({ pid }) => pid);
  for (const pid of pids) signalPid(pid, 'SIGSTOP');
  try {
    return await beginOn(pids, { fault, host, disk });
  } finally {
    for (const pid of pids) signalPid(pid, 'SIGCONT');
  }
}

async function beginOn(
  pids: readonly number[],
  what: { readonly fault: Fault; readonly host: Host; readonly disk: { readonly isOwn: boolean } },
): Promise<BegunFault> {
  const { fault, host, disk } = what;
  switch (fault) {
    case 'no-space':
      return disk.isOwn ? await fillSpace(host.root) : await failing(pids, 'ENOSPC', CHANGING);
    case 'no-inodes':
      return disk.isOwn ? await fillInodes(host.root) : await failing(pids, 'ENOSPC', CHANGING);
    case 'over-quota':
      return await failing(pids, 'EDQUOT', CHANGING);
    case 'read-only':
      return await failing(pids, 'EROFS', [...CHANGING, ...REMOVING]);
    case 'io-error':
      return await failing(pids, 'EIO', [...CHANGING, ...REMOVING]);
    case 'no-handles':
      return await limitHandles(host, pids);
  }
}

async function failing(
  pids: readonly number[],
  error: string,
  calls: readonly string[],
): Promise<BegunFault> {
  const tracer = await Tracer.attach({ pids, calls, error });
  return { mend: () => tracer.detach() };
}

async function fillSpace(dir: string): Promise<BegunFault> {
  const path = join(dir, FILLER);
  const file = await open(path, 'w');
  try {
    for (let bytes = 16 * 1024 * 1024; bytes >= 4_096; ) {
      const isTaken = await file.writeFile(Buffer.alloc(bytes)).then(() => true, noSpace);
      if (!isTaken) bytes /= 2;
    }
  } finally {
    await file.close();
  }
  return { mend: () => rm(path) };
}

async function fillInodes(dir: string): Promise<BegunFault> {
  const fillerDir = join(dir, FILLER);
  await mkdir(fillerDir);
  for (let number = 0; number < DISK_INODES; number += 1) {
    if (!(await writeFile(join(fillerDir, String(number)), '').then(() => true, noSpace))) break;
  }
  return { mend: () => rm(fillerDir, { recursive: true }) };
}

function noSpace(error: unknown): false {
  if (codeOf(error) !== 'ENOSPC') throw error;
  return false;
}

/** Numbers above the limit stay open, and none below it is free; whoever is started meanwhile inherits the limit. */
async function limitHandles(host: Host, pids: readonly number[]): Promise<BegunFault> {
  const ask = ['--nofile', '--output', 'SOFT', '--noheadings'];
  const usual = (await run('prlimit', ['--pid', String(pids[0]), ...ask])).stdout.trim();
  for (const pid of pids) {
    const taken = new Set(await readdir(`/proc/${pid}/fd`).catch(() => []));
    let lowestFree = 0;
    while (taken.has(String(lowestFree))) lowestFree += 1;
    await run('prlimit', ['--pid', String(pid), `--nofile=${lowestFree}:`]);
  }
  return {
    mend: async () => {
      for (const { pid } of await processesOf(host.root)) {
        await run('prlimit', ['--pid', String(pid), `--nofile=${usual}:`]).catch(() => undefined);
      }
    },
  };
}
