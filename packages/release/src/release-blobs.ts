import { CodedError } from '@moult/core/errors';
import { MANIFEST_LIMITS, type Manifest, parseManifest } from '@moult/core/manifest';
import type { ReleaseDocument } from '@moult/core/release-document';
import type { BlobStore } from './blob-store.ts';

/** Throws `blob-missing` or `manifest-invalid` unless every manifest of a release and every file they name is in the store. */
export async function requireBlobs(
  blobStore: BlobStore,
  document: ReleaseDocument,
): Promise<readonly Manifest[]> {
  const manifests: Manifest[] = [];
  for (const [platform, { sha256 }] of Object.entries(document.manifests)) {
    const text = (await blobStore.read(sha256, MANIFEST_LIMITS.bytesMax)).toString('utf8');
    const manifest = parseManifest(text);
    const isOfRelease =
      manifest.component === document.component &&
      manifest.version === document.version &&
      manifest.platform === platform;
    if (!isOfRelease) {
      throw new CodedError(
        'manifest-invalid',
        `the manifest for ${platform} is about another release`,
      );
    }
    for (const file of manifest.files) {
      if (await blobStore.has(file.sha256)) continue;
      throw new CodedError(
        'blob-missing',
        `${file.path} of ${document.version} for ${platform} is not imported`,
      );
    }
    manifests.push(manifest);
  }
  return manifests;
}
