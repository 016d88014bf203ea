/* Files of a coordinator: whose they are, whether there is room for more, and its certificates. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdir, readFile, realpath, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CertificateFacts, DiskFacts } from '@moult/core/doctor';
import { CodedError } from '@moult/core/errors';
import { type Owned, type OwnedKind, ownershipTroubles } from '@moult/core/ownership';
import { codeOf, readTextIfPresent } from '@moult/runtime/files';
import type { CoordinatorConfig } from '../config.ts';

/** By the owner of the state: whoever looks may be another user, and so may root. */
export async function troublesOfOwners({
  paths,
  values,
}: CoordinatorConfig): Promise<readonly string[]> {
  const { uid } = await stat(paths.stateDir);
  const keyPaths = [
    ...(await keysIn(paths.keysDir)),
    ...(await keysIn(paths.tlsDir)),
    ...(values['tls.key'] === null ? [] : [values['tls.key']]),
  ];
  const owned = await Promise.all([
    ownedAt('closed', paths.stateDir),
    ...[paths.keysDir, paths.tlsDir, paths.repositoryDir, paths.blobsDir, paths.databasePath].map(
      (path) => ownedAt('state', path),
    ),
    ...[...new Set(keyPaths)].map((path) => ownedAt('key', path)),
    ...[paths.configPath, dirname(paths.configPath)].map((path) => ownedAt('given', path)),
    ...(await above(paths.stateDir)).map((path) => ownedAt('above', path)),
  ]);
  return ownershipTroubles(
    owned.filter((one) => one !== null),
    uid,
  );
}

async function keysIn(dir: string): Promise<readonly string[]> {
  try {
    const names = await readdir(dir);
    return names.filter((name) => name.endsWith('.key')).map((name) => join(dir, name));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function above(path: string): Promise<readonly string[]> {
  const dirs: string[] = [];
  let dir = dirname(await realpath(path));
  for (; dir !== dirname(dir); dir = dirname(dir)) dirs.push(dir);
  return [...dirs, dir];
}

/** Null: it is not there, which other checks tell. */
async function ownedAt(kind: OwnedKind, path: string): Promise<Owned | null> {
  try {
    const { uid, mode } = await stat(path);
    return { kind, path, uid, mode };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

export async function diskIn(dir: string): Promise<DiskFacts> {
  const free = await statfs(dir);
  const inodes = free.files > 0 ? free.ffree : null;
  return { dir, bytes: free.bavail * free.bsize, inodes };
}

/** Null: it serves without TLS. Throws `certificate-invalid`. */
export async function certificateIn({
  paths,
  values,
}: CoordinatorConfig): Promise<CertificateFacts | null> {
  const { 'tls.cert': path, 'tls.key': keyPath } = values;
  if (path === null || keyPath === null) return null;
  const [pem, keyPem] = await Promise.all([readFile(path, 'utf8'), readFile(keyPath, 'utf8')]);
  const isOurs = (await readTextIfPresent(paths.certPath)) === pem;
  if (!fits(pem, keyPem)) {
    throw new CodedError('certificate-invalid', `${keyPath} is not the key of ${path}`);
  }
  return { ...lifetimeOf(pem, path), isRenewedByItself: isOurs };
}

/** Null: it has none. */
export async function caIn({ paths, values }: CoordinatorConfig): Promise<CertificateFacts | null> {
  const pem = await readTextIfPresent(paths.caCertPath);
  if (pem === null || values['tls.cert'] === null) return null;
  return { ...lifetimeOf(pem, paths.caCertPath), isRenewedByItself: false };
}

function fits(pem: string, keyPem: string): boolean {
  try {
    return new X509Certificate(pem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

function lifetimeOf(pem: string, path: string): Omit<CertificateFacts, 'isRenewedByItself'> {
  const { validFrom, validTo } = new X509Certificate(pem);
  return { path, fromMs: Date.parse(validFrom), toMs: Date.parse(validTo) };
}
