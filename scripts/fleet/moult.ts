/* The `moult` program as people run it: another process, its exit code and what it prints. */
import { join } from 'node:path';
import { ROOT_DIR } from '../root.ts';
import { FleetError } from './fleet-error.ts';
import { inherited } from './inherited.ts';
import {
  type Program,
  type ProgramOptions,
  type Ran,
  type RunOptions,
  runToEnd,
  startProgram,
} from './program.ts';

/** From the sources, unless somebody has made a bundle of them to call it often. */
let path = join(ROOT_DIR, 'moult');

/** What is called as `moult` from here on. */
export function useMoult(newPath: string): void {
  path = newPath;
}

export function programPath(): string {
  return path;
}

/** No context of whoever runs this must be seen or changed, and no colours. */
export interface MoultOptions extends RunOptions {
  readonly homeDir: string;
  /** Programs before it: another network namespace. */
  readonly within?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export function moult(args: readonly string[], options: MoultOptions): Promise<Ran> {
  return runToEnd({
    ...options,
    name: `moult ${args[0] ?? ''}`,
    ...commandOf(path, args, options.within),
    env: environmentOf(options),
    cwd: options.homeDir,
  });
}

/** As `moult`, for those who count on success: anything else is an error that shows what was printed. */
export async function moultOk(args: readonly string[], options: MoultOptions): Promise<Ran> {
  const ran = await moult(args, options);
  if (ran.code === 0) return ran;
  const what = `\`moult ${args.join(' ')}\` ended with ${ran.signal ?? ran.code}`;
  throw new FleetError(what, `${ran.stderr}${ran.stdout}`);
}

/** For commands that run until they are stopped. */
export function startMoult(
  args: readonly string[],
  options: Pick<MoultOptions, 'homeDir' | 'env' | 'within'> &
    Pick<ProgramOptions, 'name' | 'onLine'>,
): Program {
  return startProgram({
    ...options,
    ...commandOf(path, args, options.within),
    env: environmentOf(options),
    cwd: options.homeDir,
  });
}

function commandOf(
  path: string,
  args: readonly string[],
  within: readonly string[] = [],
): { readonly command: string; readonly args: readonly string[] } {
  const [command = path, ...rest] = [...within, path, ...args];
  return { command, args: rest };
}

function environmentOf(
  options: Pick<MoultOptions, 'homeDir' | 'env'>,
): Readonly<Record<string, string>> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: options.homeDir,
    XDG_CONFIG_HOME: join(options.homeDir, '.config'),
    // What a program that is killed leaves there goes with all of the run.
    ...inherited('TMPDIR'),
    ...inherited('NODE_COMPILE_CACHE'),
    NO_COLOR: '1',
    ...options.env,
  };
}
