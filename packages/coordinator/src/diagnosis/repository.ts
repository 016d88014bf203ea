/* What a coordinator serves and signs with: roles and when they end, certificates, blobs. All of it is public but the keys. */
import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publishState } from '@moult/release/repository';
import { attempted } from '@moult/runtime/diagnosis';
import type { CoordinatorPaths } from '../config.ts';

/** Directories of blobs are read, 256 of them; beyond it nobody counts. */
const BLOBS_MAX = 100_000;

export async function repositoryFacts(
  of: { readonly paths: CoordinatorPaths; readonly nowMs: number },
  certificatePath: unknown,
): Promise<object> {
  const { paths, nowMs } = of;
  return {
    roles: await attempted(() => publishState(paths.repositoryDir, nowMs)),
    certificate: await attempted<unknown>(() =>
      typeof certificatePath === 'string'
        ? certificateFacts(certificatePath)
        : 'none is configured',
    ),
    ca: await attempted(() => certificateFacts(paths.caCertPath)),
    blobs: await attempted(() => blobCount(join(paths.blobsDir, 'sha256'))),
  };
}

async function certificateFacts(path: string): Promise<object> {
  const certificate = new X509Certificate(await readFile(path));
  const { subject, subjectAltName, validFrom, validTo, fingerprint256 } = certificate;
  return { path, subject, subjectAltName, validFrom, validTo, fingerprint256 };
}

async function blobCount(dir: string): Promise<object> {
  let blobs = 0;
  for (const name of await readdir(dir)) {
    if (blobs > BLOBS_MAX) return { blobs, isMore: true };
    blobs += (await readdir(join(dir, name)).catch(() => [])).length;
  }
  return { blobs };
}
