/*
 * Processes that descend from ours without being our children: agents under launchers, orphans of a kill -9. They
 * are found by the directory that they were started for, which nobody else knows.
 */
import { readdir, readFile } from 'node:fs/promises';
import { until } from './until.ts';

export interface Found {
  readonly pid: number;
  readonly args: readonly string[];
}

/** Processes with `dir`, or something below it, among their arguments. */
export async function processesOf(dir: string): Promise<readonly Found[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids
      .filter((pid) => pid !== process.pid)
      .map(async (pid) => {
        const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        return { pid, args: text.split('\0').filter((part) => part !== '') };
      }),
  );
  return found.filter(({ args }) =>
    args.some((part) => part === dir || part.startsWith(`${dir}/`)),
  );
}

const END_MS = 15_000;

/** Ends them by their pids, the hard way, and waits until they are gone. */
export async function endProcessesOf(dir: string): Promise<void> {
  for (const { pid } of await processesOf(dir)) signalPid(pid, 'SIGKILL');
  await until(
    `the processes of ${dir} are gone`,
    async () => (await processesOf(dir)).length === 0,
    { timeoutMs: END_MS },
  );
}

export function signalPid(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself in between.
  }
}

/**
 * Waits until a process that was killed is let go by whoever traces it: a tracer that is stopped before waits for the
 * leader of its threads, which the kernel gives it only after it has taken the others.
 */
export async function untilUntraced(pid: number): Promise<void> {
  await until(
    `the tracer has seen the end of process ${pid}`,
    async () => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => null);
      return status === null || /^TracerPid:\t0$/m.test(status);
    },
    { timeoutMs: END_MS },
  );
}

/** Unique set size in KiB: what ending the process would give back. */
export async function ussKibOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
  return kib('Private_Clean') + kib('Private_Dirty');
}
