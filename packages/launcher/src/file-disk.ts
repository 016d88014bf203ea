import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readlink, rename, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Holder, readHolder, type Slot, slotDirOf } from '@moult/core/boot';
import type { Component } from '@moult/core/component';
import { type Layout, linkPathOf, versionsDirOf } from '@moult/core/layout';
import { MANIFEST_LIMITS, MANIFEST_PATH, type Manifest, parseManifest } from '@moult/core/manifest';
import {
  codeOf,
  linkDurably,
  readTextIfPresent,
  removeDurably,
  syncDirectory,
  writeFileDurably,
} from '@moult/runtime/files';
import type { BootDisk, LinkName } from './ports.ts';

export class FileDisk implements BootDisk {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  readRecord(): Promise<string | null> {
    return readTextIfPresent(this.#layout.bootRecordPath);
  }

  writeRecord(text: string): Promise<void> {
    return writeFileDurably(this.#layout.bootRecordPath, text, { mode: 0o640 });
  }

  async keepRecordAside(suffix: string): Promise<void> {
    const path = this.#layout.bootRecordPath;
    await rename(path, `${path}.${suffix}`);
    await syncDirectory(dirname(path));
  }

  async readLink(link: LinkName): Promise<string | null> {
    try {
      return basename(await readlink(linkPathOf(this.#layout, link)));
    } catch (caught) {
      if (codeOf(caught) === 'ENOENT' || codeOf(caught) === 'EINVAL') return null;
      throw caught;
    }
  }

  async writeLink(link: LinkName, dir: string | null): Promise<void> {
    const path = linkPathOf(this.#layout, link);
    // Relative, so that an image mounted elsewhere shows the same.
    await (dir === null ? removeDurably(path) : linkDurably(path, `${link.component}/${dir}`));
  }

  async completeSlots(component: Component): Promise<readonly Slot[]> {
    const versionsDir = versionsDirOf(this.#layout, component);
    const names = await readdir(versionsDir).catch(() => []);
    const slots = await Promise.all(
      names.map((name) => completeSlot({ component, slotDir: `${versionsDir}/${name}`, name })),
    );
    return slots.filter((slot) => slot !== null);
  }

  async readHolder(): Promise<Holder | null> {
    return readHolder(await readTextIfPresent(this.#layout.holderPath));
  }
}

async function completeSlot(place: {
  readonly component: Component;
  readonly slotDir: string;
  readonly name: string;
}): Promise<Slot | null> {
  const read = await readManifest(place.slotDir).catch(() => null);
  if (read === null || read.manifest.component !== place.component) return null;
  const { manifest, digest } = read;
  if (slotDirOf(manifest.version, digest) !== place.name) return null;
  if ((await firstMissing(place.slotDir, manifest)) !== null) return null;
  return { version: manifest.version, digest, dir: place.name };
}

/** The first file of a slot that is not there in its length; null: all are. */
export async function firstMissing(slotDir: string, manifest: Manifest): Promise<string | null> {
  for (const file of manifest.files) {
    const length = await stat(`${slotDir}/${file.path}`).then(
      (found) => (found.isFile() ? found.size : null),
      () => null,
    );
    if (length !== file.length) return file.path;
  }
  return null;
}

/** The first file of a slot that has not the content that the manifest names; null: all have. Reads every byte. */
export async function firstDamaged(slotDir: string, manifest: Manifest): Promise<string | null> {
  for (const file of manifest.files) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(`${slotDir}/${file.path}`), hash);
    if (hash.digest('hex') !== file.sha256) return file.path;
  }
  return null;
}

/** The manifest of a tree and its digest. Throws `file-unreadable` or `manifest-invalid`. */
export async function readManifest(
  slotDir: string,
): Promise<{ readonly manifest: Manifest; readonly digest: string } | null> {
  const path = `${slotDir}/${MANIFEST_PATH}`;
  const { size } = await stat(path);
  if (size > MANIFEST_LIMITS.bytesMax) return null;
  const text = await readTextIfPresent(path);
  if (text === null) return null;
  return { manifest: parseManifest(text), digest: createHash('sha256').update(text).digest('hex') };
}
