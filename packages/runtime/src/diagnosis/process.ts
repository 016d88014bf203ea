/* What the kernel says of a process. Its environment is nobody's business. */
import { readdir, readFile } from 'node:fs/promises';

const STATUS = ['Name', 'State', 'Uid', 'Threads', 'VmRSS', 'VmSize', 'NoNewPrivs', 'Seccomp'];
const ARGUMENTS_LENGTH_MAX = 2_000;

/** Null: there is no such process. */
export async function processFacts(pid: number): Promise<object | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => null);
  if (status === null) return null;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const limits = await readFile(`/proc/${pid}/limits`, 'utf8').catch(() => '');
  const handles = await readdir(`/proc/${pid}/fd`).catch(() => null);
  const fields = STATUS.flatMap((name) => {
    const value = new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
    return value === undefined ? [] : [[name, value.replaceAll(/\s+/g, ' ')] as const];
  });
  return {
    pid,
    ...Object.fromEntries(fields),
    command: command.replaceAll('\0', ' ').trim().slice(0, ARGUMENTS_LENGTH_MAX),
    openFiles: handles?.length ?? null,
    openFilesMax: Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.NaN),
  };
}
