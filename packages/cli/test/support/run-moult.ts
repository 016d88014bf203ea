import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inherited } from '../../../../scripts/fleet/inherited.ts';

export interface Ended {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

export interface MoultOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly homeDir?: string;
  readonly onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

export const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

/** Runs the real program as a process of its own, with nothing of this one's environment but PATH and where compiled sources are. */
export function runMoult(args: readonly string[], options: MoultOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: options.homeDir ?? '/nonexistent',
      ...inherited('NODE_COMPILE_CACHE'),
      ...options.environment,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    let out = '';
    let err = '';
    const told = () => options.onOutput?.(out + err, (signal) => void child.kill(signal));
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
      told();
    });
    child.stderr.on('data', (chunk) => {
      err += String(chunk);
      told();
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, out, err }));
  });
}

export async function withHome<T>(work: (homeDir: string) => Promise<T>): Promise<T> {
  const homeDir = await mkdtemp(join(tmpdir(), 'moult-home-'));
  try {
    return await work(homeDir);
  } finally {
    await rm(homeDir, { recursive: true, force: true });
  }
}
