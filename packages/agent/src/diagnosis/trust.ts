/* Whom a host believes: its certificate authority, the pinned root, and the metadata that it holds. All of it is public. */
import { createHash, X509Certificate } from 'node:crypto';
import type { Layout } from '@moult/core/layout';
import { attempted } from '@moult/runtime/diagnosis';
import { readTextIfPresent } from '@moult/runtime/files';

export async function trustFacts(layout: Layout): Promise<object> {
  return {
    ca: await attempted(async () => {
      const pem = await readTextIfPresent(layout.caPath);
      return pem === null
        ? 'none: the authorities of the system are believed'
        : certificateFacts(pem);
    }),
    identityKey: await attempted(async () => {
      const text = await readTextIfPresent(layout.identityKeyPath);
      return text === null ? 'there is none' : 'there is one';
    }),
    pinnedRoot: await attempted(async () => {
      const text = await readTextIfPresent(layout.pinnedRootPath);
      if (text === null) return 'there is none';
      return { sha256: createHash('sha256').update(text).digest('hex'), ...signedFacts(text) };
    }),
    metadata: await attempted(async () => {
      const text = await readTextIfPresent(`${layout.trustDir}/trusted.json`);
      if (text === null) return 'none was fetched yet';
      const { pinnedSha256, floorMs, files } = JSON.parse(text) as Kept;
      const roles = Object.entries(files).map(([name, content]) => [name, signedFacts(content)]);
      return { pinnedSha256, floorMs, files: Object.fromEntries(roles) };
    }),
  };
}

interface Kept {
  readonly pinnedSha256: string;
  readonly floorMs: number;
  readonly files: Readonly<Record<string, string>>;
}

function signedFacts(text: string): object {
  const { signed } = JSON.parse(text) as {
    readonly signed: { readonly version: number; readonly expires: string };
  };
  return { version: signed.version, expires: signed.expires, bytes: text.length };
}

function certificateFacts(pem: string): object {
  const { subject, validFrom, validTo, fingerprint256 } = new X509Certificate(pem);
  return { subject, validFrom, validTo, fingerprint256 };
}
