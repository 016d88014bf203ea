import { createHash, X509Certificate } from 'node:crypto';
import { readCurrentState } from '@moult/release/repository';

/** What the first contact of an agent is pinned to. */
export interface TrustAnchors {
  /** Null: no CA of its own. */
  readonly caPem: string | null;
  /** sha256 of the CA certificate's DER. */
  readonly caSha256: string | null;
  /** The newest root, as signed. */
  readonly root: string;
  readonly rootSha256: string;
}

export async function readTrustAnchors(options: {
  readonly repositoryDir: string;
  readonly caPem: string | null;
}): Promise<TrustAnchors> {
  const { caPem } = options;
  const state = await readCurrentState(options.repositoryDir);
  return {
    caPem,
    caSha256: caPem === null ? null : sha256Of(new X509Certificate(caPem).raw),
    root: state.root.bytes.toString('utf8'),
    rootSha256: sha256Of(state.root.bytes),
  };
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
