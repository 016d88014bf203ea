/* What `coordinator init` and `coordinator install` have in common: making one, and what people are given of it. */
import { dirname, join, resolve } from 'node:path';
import type { InitResult } from '@moult/coordinator';
import { systemRandom } from '@moult/runtime/random';
import type { Command } from 'commander';
import { storeWorkerPath } from '../commands/coordinator/store-worker-path.ts';
import type { Run } from '../shell.ts';

export interface MakeOptions {
  readonly keys?: string;
  readonly config?: string;
  readonly state?: string;
  readonly listen?: string;
  readonly hostname?: readonly string[];
  readonly tls: boolean;
  readonly behindProxy?: boolean;
  readonly tokenFile?: string;
}

export interface Made extends InitResult {
  /** Null: printed. */
  readonly tokenPath: string | null;
  /** A copy of the CA for those who log in; null: there is none. */
  readonly caPath: string | null;
}

const OWNER_ONLY = 0o600;
const EVERYBODY = 0o644;

export function withMaking(command: Command): Command {
  return command
    .option('--listen <address>', 'HOST:PORT (127.0.0.1:7400)')
    .option('--hostname <name...>', 'more names and addresses for its certificate')
    .option('--no-tls', 'plain HTTP: on loopback, or with --behind-proxy')
    .option('--behind-proxy', 'TLS ends at a proxy')
    .option(
      '--token-file <file>',
      'where the admin token goes, or - to print it (admin.token beside the configuration)',
    );
}

export async function makeCoordinator(
  run: Run,
  options: MakeOptions & { readonly root: string | null; readonly keys: string },
): Promise<Made> {
  const { initCoordinator } = await import('@moult/coordinator');
  const made = await initCoordinator({
    root: options.root,
    configPath: options.config === undefined ? null : resolve(options.config),
    stateDir: options.state === undefined ? null : resolve(options.state),
    trustDir: resolve(options.keys),
    listen: options.listen ?? null,
    names: options.hostname ?? [],
    tls: options.tls ? 'own-ca' : 'none',
    behindProxy: options.behindProxy === true,
    storeWorkerPath: await storeWorkerPath(),
    clock: run.clock,
    random: systemRandom,
  });
  return { ...made, ...(await writeForPeople(made, options.tokenFile)) };
}

/** Beside the configuration: the state directory is closed to everybody but the coordinator. */
async function writeForPeople(
  made: InitResult,
  tokenFile: string | undefined,
): Promise<Pick<Made, 'tokenPath' | 'caPath'>> {
  const { writeFileDurably } = await import('@moult/runtime/files');
  const configDir = dirname(made.paths.configPath);
  const { caPem } = made.anchors;
  const caPath = caPem === null ? null : join(configDir, 'ca.pem');
  if (caPem !== null && caPath !== null) await writeFileDurably(caPath, caPem, { mode: EVERYBODY });
  if (tokenFile === '-') return { tokenPath: null, caPath };
  const tokenPath = tokenFile === undefined ? join(configDir, 'admin.token') : resolve(tokenFile);
  await writeFileDurably(tokenPath, `${made.adminToken}\n`, { mode: OWNER_ONLY });
  return { tokenPath, caPath };
}

export function resultOf(made: Made): object {
  const { tokenPath, caPath } = made;
  return {
    url: made.url,
    config: made.paths.configPath,
    state: made.paths.stateDir,
    ca: caPath,
    rootSha256: made.anchors.rootSha256,
    adminToken: tokenPath === null ? made.adminToken : null,
    tokenFile: tokenPath,
  };
}

/** `start`: how it is started, or that it runs. */
export function linesOf(made: Made, start: string): readonly string[] {
  const { tokenPath, caPath } = made;
  const ca = caPath === null ? '' : ` --ca '${caPath}'`;
  const token = tokenPath === null ? '--token TOKEN' : `--token - < '${tokenPath}'`;
  return [
    `The coordinator is made; its configuration is ${made.paths.configPath}.`,
    tokenPath === null
      ? `Admin token, shown this once: ${made.adminToken}`
      : `The admin token is in ${tokenPath}; the coordinator keeps its hash only.`,
    start,
    `Log in: moult login --url ${made.url}${ca} ${token}`,
  ];
}
