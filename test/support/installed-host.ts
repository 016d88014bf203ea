/*
 * A host that `moult agent install` makes, below a directory that everybody can reach: what runs there as another user has
 * to. Where systemd does not run, a supervisor that obeys the unit runs the launcher, as the unit's user.
 */
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Agent } from '@moult/api';
import type { Coordinator } from '../../scripts/fleet/coordinator.ts';
import { programPath } from '../../scripts/fleet/moult.ts';
import { endProcessesOf } from '../../scripts/fleet/processes.ts';
import { type Program, type Ran, runToEnd, startProgram } from '../../scripts/fleet/program.ts';
import { until } from '../../scripts/fleet/until.ts';

const INSTALL_MS = 120_000;
const UP_MS = 60_000;

/** Not below TMPDIR, which is closed to others in a run of tests. */
export async function openDirectory(): Promise<string> {
  const dir = await mkdtemp('/tmp/moult-install-');
  await chmod(dir, 0o755);
  return dir;
}

export async function removeDirectory(dir: string): Promise<void> {
  await endProcessesOf(dir);
  await rm(dir, { recursive: true, force: true });
}

export interface RunAs {
  /** Before the program: `setpriv …`, `unshare …`. */
  readonly before?: readonly string[];
  readonly input?: string;
}

function environment(): Readonly<Record<string, string>> {
  return { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', TMPDIR: '/tmp', NO_COLOR: '1' };
}

/** `moult` as whoever runs these tests. */
export async function moultHere(args: readonly string[], as: RunAs = {}): Promise<Ran> {
  const [command = '', ...before] = [...(as.before ?? []), programPath()];
  return await runToEnd({
    name: `moult ${args.slice(0, 2).join(' ')}`,
    command,
    args: [...before, ...args],
    env: environment(),
    timeoutMs: INSTALL_MS,
    input: as.input,
  });
}

/** The launcher under its supervisor, as the user of the unit. */
export function startInstalled(root: string, before: readonly string[]): Program {
  const [command = '', ...args] = [...before, programPath()];
  return startProgram({
    name: `the launcher of ${root}`,
    command,
    args: [...args, 'launcher', 'run', '--root', root, '--end-with-stdin'],
    env: environment(),
  });
}

export async function whenUp(coordinator: Coordinator, name: string): Promise<Agent> {
  let last: unknown = null;
  return await until(
    `${name} is Up`,
    async () => {
      const agent = await coordinator.client.getAgent({ params: { name } }).catch(() => null);
      last = agent;
      return agent?.state === 'Up' ? agent : null;
    },
    { timeoutMs: UP_MS, detail: () => JSON.stringify(last) },
  );
}

/** `0755 root` for each of these, below a root. */
export async function accessOf(
  root: string,
  paths: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const told = await Promise.all(
    paths.map(async (path) => {
      const { uid, mode } = await stat(join(root, path));
      return [path, `${(mode & 0o7777).toString(8).padStart(4, '0')} ${uid}`] as const;
    }),
  );
  return Object.fromEntries(told);
}

/** Real, effective, saved and file system user of a process. */
export async function usersOf(pid: number): Promise<readonly number[]> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (/^Uid:\t(.*)$/m.exec(status)?.[1] ?? '').split('\t').map(Number);
}
