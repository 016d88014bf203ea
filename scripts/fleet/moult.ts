/* The `moult` program as people run it: another process, its exit code and what it prints. */
import { join } from 'node:path';
import { ROOT_DIR } from '../root.ts';
import { type Program, type Ran, runToEnd, startProgram } from './program.ts';

const ENTRY = join(ROOT_DIR, 'packages', 'cli', 'src', 'main.ts');

/** No context of whoever runs this must be seen or changed, and no colours. */
export interface MoultOptions {
  readonly homeDir: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

export function moult(args: readonly string[], options: MoultOptions): Promise<Ran> {
  return runToEnd({
    name: `moult ${args[0] ?? ''}`,
    ...commandOf(args),
    env: environmentOf(options),
    cwd: options.homeDir,
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
}

/** As `moult`, for those who count on success: anything else is an error that shows what was printed. */
export async function moultOk(args: readonly string[], options: MoultOptions): Promise<Ran> {
  const ran = await moult(args, options);
  if (ran.code === 0) return ran;
  throw new Error(
    `moult ${args.join(' ')} ended with ${ran.signal ?? ran.code}:\n${ran.stderr}${ran.stdout}`,
  );
}

/** For commands that run until they are stopped. */
export function startMoult(
  args: readonly string[],
  options: MoultOptions & { readonly name: string; readonly onLine?: (line: string) => void },
): Program {
  return startProgram({
    name: options.name,
    ...commandOf(args),
    env: environmentOf(options),
    cwd: options.homeDir,
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
  });
}

function commandOf(args: readonly string[]): {
  readonly command: string;
  readonly args: readonly string[];
} {
  return { command: process.execPath, args: [ENTRY, ...args] };
}

function environmentOf(options: MoultOptions): Readonly<Record<string, string>> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: options.homeDir,
    XDG_CONFIG_HOME: join(options.homeDir, '.config'),
    NO_COLOR: '1',
    ...options.env,
  };
}
