/*
 * Makes a coordinator: directories, release repository, certificates, database, admin token, and at last its
 * configuration, which says that all the rest is there. Each step leaves alone what an earlier, interrupted run made.
 */
import { chmod, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { loadOnlineKeys } from '@moult/release/keys';
import { initRepository } from '@moult/release/repository';
import { readRootChain } from '@moult/release/root-files';
import type { Clock } from '@moult/runtime/clock';
import {
  codeOf,
  makeDirectoryDurably,
  readTextIfPresent,
  writeFileDurably,
} from '@moult/runtime/files';
import type { Random } from '@moult/runtime/random';
import { openSqliteStore } from '@moult/store';
import { makeCa, makeServerCertificate } from './certificate.ts';
import {
  COORDINATOR_KEYS,
  type CoordinatorPaths,
  isLoopback,
  parseListen,
  pathsOf,
} from './config.ts';
import { accessTokenText, newSecret, secretHashOf } from './http/tokens.ts';
import { addOnlineKeys } from './online-keys.ts';
import { readTrustAnchors, type TrustAnchors } from './trust-anchors.ts';

export interface InitOptions {
  /** Puts everything below one directory; null: the system's own places. */
  readonly root: string | null;
  /** Null: /etc/moult/coordinator.yaml, below `root`. */
  readonly configPath: string | null;
  /** Null: /var/lib/moult-coordinator, below `root`. Absolute. */
  readonly stateDir: string | null;
  /** Made by `moult keys init`: root.json, targets.json, snapshot.key, timestamp.key. */
  readonly trustDir: string;
  /** HOST:PORT; null: 127.0.0.1:7400. */
  readonly listen: string | null;
  /** Names and addresses for the server certificate, beside the listen address and this machine's own. */
  readonly names: readonly string[];
  /** `own-ca`: make a CA and a certificate. `none`: plain HTTP, on loopback or behind a proxy. */
  readonly tls: 'own-ca' | 'none';
  readonly behindProxy: boolean;
  readonly storeWorkerPath: string;
  readonly clock: Clock;
  readonly random: Random;
}

export interface InitResult {
  readonly paths: CoordinatorPaths;
  readonly url: string;
  /** Shown this once; the database has its hash only. */
  readonly adminToken: string;
  readonly anchors: TrustAnchors;
}

/** Throws `coordinator-initialized` over a finished one; over an unfinished one it goes on. */
export async function initCoordinator(options: InitOptions): Promise<InitResult> {
  const listen = options.listen ?? COORDINATOR_KEYS.listen.default;
  const address = parseListen(listen);
  if (options.tls === 'none' && !options.behindProxy && !isLoopback(address.host)) {
    throw new CodedError('listen-insecure', `${listen} without TLS would carry tokens in clear`);
  }
  const stateDir = options.stateDir ?? COORDINATOR_KEYS.state.default;
  const paths = pathsOf({ root: options.root, configPath: options.configPath, stateDir });
  if ((await readTextIfPresent(paths.configPath)) !== null) {
    throw new CodedError('coordinator-initialized', `${paths.configPath} is there already`);
  }
  if ((await readTextIfPresent(paths.initializedPath)) !== null) {
    throw new CodedError(
      'coordinator-initialized',
      `${paths.stateDir} belongs to a coordinator, but ${paths.configPath} is missing`,
      { remedy: 'Put its configuration back, or name it with --config; or choose another --root.' },
    );
  }
  for (const dir of [paths.stateDir, paths.keysDir, paths.tlsDir]) {
    await makeDirectoryDurably(dir);
    await chmod(dir, 0o700);
  }
  await takeTrust(options, paths);
  const caPem =
    options.tls === 'own-ca' ? await makeTls(options, { paths, host: address.host }) : null;
  const adminToken = await makeDatabase(options, paths);
  const anchors = await readTrustAnchors({ repositoryDir: paths.repositoryDir, caPem });
  await makeDirectoryDurably(dirname(paths.configPath), 0o755);
  const config = configText({
    listen,
    stateDir,
    behindProxy: options.behindProxy,
    paths,
    hasTls: caPem !== null,
  });
  await writeFileDurably(paths.configPath, config, { mode: 0o644 });
  await writeFileDurably(paths.initializedPath, '');
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const url = `${caPem === null ? 'http' : 'https'}://${host}:${address.port}`;
  return { paths, url, adminToken, anchors };
}

/** Copies the online keys and makes the repository from what the offline keys signed. */
async function takeTrust(options: InitOptions, paths: CoordinatorPaths): Promise<void> {
  await addOnlineKeys({ trustDir: options.trustDir, keysDir: paths.keysDir });
  const chain = await readRootChain(options.trustDir);
  const newest = chain.at(-1);
  if (newest === undefined)
    throw new CodedError('keys-missing', `there is no root in ${options.trustDir}`);
  const onlineKeys = await loadOnlineKeys(paths.keysDir, newest.metadata);
  const targets = await readTrust(options.trustDir, 'targets.json');
  try {
    const { repositoryDir } = paths;
    const roots = chain.map(({ text }) => text);
    await initRepository({ repositoryDir, onlineKeys, clock: options.clock, roots, targets });
  } catch (error) {
    // Made by a run that was interrupted later on.
    if (!(error instanceof CodedError) || error.code !== 'repository-exists') throw error;
  }
}

async function readTrust(trustDir: string, name: string): Promise<string> {
  try {
    return await readFile(join(trustDir, name), 'utf8');
  } catch (cause) {
    const code = codeOf(cause) === 'ENOENT' ? 'keys-missing' : 'file-unreadable';
    throw new CodedError(code, `cannot read ${join(trustDir, name)}`, { cause });
  }
}

async function makeTls(
  options: InitOptions,
  of: { readonly paths: CoordinatorPaths; readonly host: string },
): Promise<string> {
  const { paths } = of;
  const nowMs = options.clock.nowMs();
  const certPem = await readTextIfPresent(paths.caCertPath);
  const keyPem = await readTextIfPresent(paths.caKeyPath);
  const ca = certPem !== null && keyPem !== null ? { certPem, keyPem } : await makeCa(nowMs);
  // The key first: a certificate without its key would be taken for a finished pair.
  await writeFileDurably(paths.caKeyPath, ca.keyPem);
  await writeFileDurably(paths.caCertPath, ca.certPem, { mode: 0o644 });
  const names = [...options.names, of.host];
  const server = await makeServerCertificate({ ca, names, nowMs });
  await writeFileDurably(paths.keyPath, server.keyPem);
  await writeFileDurably(paths.certPath, server.certPem, { mode: 0o644 });
  return ca.certPem;
}

/** An interrupted run's token was never shown: every unshown one is revoked. */
async function makeDatabase(options: InitOptions, paths: CoordinatorPaths): Promise<string> {
  const { clock, random } = options;
  const store = await openSqliteStore({
    path: paths.databasePath,
    workerPath: options.storeWorkerPath,
  });
  try {
    const order = { nowMs: clock.nowMs(), principal: 'init', why: 'moult coordinator init' };
    const unshown = await store.read('allTokens', null);
    const secret = newSecret(random);
    const token = await store.write('createToken', {
      ...order,
      kind: 'access',
      subject: 'admin',
      role: 'admin',
      secretHash: secretHashOf(secret),
      expiresMs: null,
    });
    // Only now: the last administrator's is never revoked.
    for (const { id } of unshown) await store.write('revokeToken', { ...order, id });
    return accessTokenText({ id: token.id, secret });
  } finally {
    await store.close();
  }
}

function configText(of: {
  readonly listen: string;
  readonly stateDir: string;
  readonly behindProxy: boolean;
  readonly hasTls: boolean;
  readonly paths: CoordinatorPaths;
}): string {
  const { paths } = of;
  const text = (value: string) => JSON.stringify(value);
  return [
    '# Configuration of the Moult coordinator. Every key is also a flag and an environment variable.',
    `listen: ${text(of.listen)}`,
    `state: ${text(of.stateDir)}`,
    ...(of.hasTls
      ? ['tls:', `  cert: ${text(paths.certPath)}`, `  key: ${text(paths.keyPath)}`]
      : []),
    ...(of.behindProxy ? ['behindProxy: true'] : []),
    '',
  ].join('\n');
}
