/* Programs of the system that an installation calls: by fixed paths, never by what PATH says to root, and each with an end. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { CodedError } from '@moult/core/errors';
import { cleanEnvironment } from './environment.ts';

/** Where distributions have them; the first that is there is called. */
const PATHS = {
  getent: ['/usr/bin/getent', '/bin/getent'],
  groupadd: ['/usr/sbin/groupadd', '/sbin/groupadd'],
  useradd: ['/usr/sbin/useradd', '/sbin/useradd'],
  systemctl: ['/usr/bin/systemctl', '/bin/systemctl'],
} as const;

export type SystemTool = keyof typeof PATHS;

export interface ToolEnd {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** A start or a stop of a unit takes as long as the unit lets it (55 s), and somebody else may be at it. */
const TOOL_MS_MAX = 180_000;
const OUTPUT_BYTES_MAX = 1_048_576;

/** Resolves whatever it ends with. Throws `tool-missing`, and `tool-failed` if it has no exit code. */
export function runTool(tool: SystemTool, args: readonly string[]): Promise<ToolEnd> {
  const path = PATHS[tool].find((candidate) => existsSync(candidate));
  if (path === undefined) {
    const message = `${tool} is not on this host (looked for ${PATHS[tool].join(', ')})`;
    return Promise.reject(new CodedError('tool-missing', message));
  }
  const options = {
    env: cleanEnvironment({ LC_ALL: 'C' }),
    timeout: TOOL_MS_MAX,
    killSignal: 'SIGKILL',
    maxBuffer: OUTPUT_BYTES_MAX,
    encoding: 'utf8',
  } as const;
  return new Promise((resolve, reject) => {
    execFile(path, args, options, (error, out, err) => {
      if (error === null) resolve({ exitCode: 0, out, err });
      else if (typeof error.code === 'number') resolve({ exitCode: error.code, out, err });
      else reject(failed([tool, ...args], `${error.signal ?? error.message}`));
    });
  });
}

/** As `runTool`; anything but 0 is `tool-failed`, with what it said. */
export async function runToolOk(tool: SystemTool, args: readonly string[]): Promise<string> {
  const { exitCode, out, err } = await runTool(tool, args);
  if (exitCode === 0) return out;
  const said = (err.trim() || out.trim()).split('\n').slice(-3).join(' ');
  throw failed([tool, ...args], `${exitCode}${said === '' ? '' : `: ${said}`}`);
}

function failed(command: readonly string[], how: string): CodedError {
  return new CodedError('tool-failed', `\`${command.join(' ')}\` ended with ${how}`);
}
