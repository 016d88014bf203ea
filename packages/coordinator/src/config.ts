/* The keys of coordinator.yaml, and where things lie. Flags, environment and file alike (runtime/config). */
import { isAbsolute, join, resolve } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { type ConfigValues, readConfig } from '@moult/runtime/config';
import { type OutputSettings, outputSettingsOf } from './output/settings.ts';

export const COORDINATOR_KEYS = {
  listen: { kind: 'string', default: '127.0.0.1:7400' },
  state: { kind: 'string', default: '/var/lib/moult-coordinator' },
  'tls.cert': { kind: 'string' },
  'tls.key': { kind: 'string' },
  behindProxy: { kind: 'boolean', default: false },
  'output.keepFor': { kind: 'string', default: '30d' },
  'output.keepBytes': { kind: 'string', default: '1GiB' },
  'forward.file': { kind: 'string' },
  'forward.webhook': { kind: 'string' },
  'forward.header': { kind: 'string', default: 'authorization' },
  'forward.secretFile': { kind: 'string' },
  'tasks.keepFor': { kind: 'string', default: '400d' },
  logLevel: { kind: 'enum', values: ['debug', 'info', 'warn', 'error', 'silent'], default: 'info' },
} as const;

export const CONFIG_PATH = '/etc/moult/coordinator.yaml';

export interface CoordinatorPaths {
  readonly configPath: string;
  readonly stateDir: string;
  readonly databasePath: string;
  /** There once `init` has finished: from then on nothing makes keys or tokens over this state. */
  readonly initializedPath: string;
  readonly repositoryDir: string;
  readonly blobsDir: string;
  /** Online keys: snapshot and timestamp. */
  readonly keysDir: string;
  readonly tlsDir: string;
  readonly caCertPath: string;
  readonly caKeyPath: string;
  readonly certPath: string;
  readonly keyPath: string;
}

/** `root` puts everything below one directory; null: the system's own places. */
export function pathsOf(options: {
  readonly root: string | null;
  readonly configPath: string | null;
  readonly stateDir: string;
}): CoordinatorPaths {
  const below = (path: string): string =>
    options.root === null ? resolve(path) : join(resolve(options.root), path);
  const stateDir = below(options.stateDir);
  const tlsDir = join(stateDir, 'tls');
  return {
    configPath: options.configPath === null ? below(CONFIG_PATH) : resolve(options.configPath),
    stateDir,
    databasePath: join(stateDir, 'coordinator.db'),
    initializedPath: join(stateDir, 'initialized'),
    repositoryDir: join(stateDir, 'repository'),
    blobsDir: join(stateDir, 'blobs'),
    keysDir: join(stateDir, 'keys'),
    tlsDir,
    caCertPath: join(tlsDir, 'ca.pem'),
    caKeyPath: join(tlsDir, 'ca.key'),
    certPath: join(tlsDir, 'server.pem'),
    keyPath: join(tlsDir, 'server.key'),
  };
}

export interface ConfigFlags {
  readonly root?: string | null;
  readonly config?: string | null;
  /** By the names of COORDINATOR_KEYS. */
  readonly flags?: Readonly<Record<string, string | boolean | number | undefined>>;
  readonly environment?: (name: string) => string | null;
}

export interface CoordinatorConfig {
  readonly values: ConfigValues<typeof COORDINATOR_KEYS>;
  readonly output: OutputSettings;
  readonly paths: CoordinatorPaths;
}

/** Throws `config-invalid`. */
export async function readCoordinatorConfig(given: ConfigFlags): Promise<CoordinatorConfig> {
  const root = given.root ?? null;
  const configPath = given.config ?? null;
  const { configPath: filePath } = pathsOf({ root, configPath, stateDir: '/' });
  const values = await readConfig({
    schema: COORDINATOR_KEYS,
    filePath,
    ...(given.flags === undefined ? {} : { flags: given.flags }),
    ...(given.environment === undefined ? {} : { environment: given.environment }),
  });
  const stateDir = values.state ?? COORDINATOR_KEYS.state.default;
  if (!isAbsolute(stateDir))
    throw new CodedError('config-invalid', `state: ${stateDir} is not an absolute path`);
  const output = outputSettingsOf(values);
  return { values, output, paths: pathsOf({ root, configPath, stateDir }) };
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const PORT_MAX = 65_535;

/** `127.0.0.1:7400`, `[::1]:7400`, `localhost:0`. Throws `config-invalid`. */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > PORT_MAX) {
    throw new CodedError('config-invalid', `listen: ${text} is not HOST:PORT`);
  }
  return { host, port };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
