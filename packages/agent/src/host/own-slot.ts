import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { type Slot, slotDirOf } from '@moult/core/boot';
import { MANIFEST_PATH, type Manifest, parseManifest } from '@moult/core/manifest';
import { readTextIfPresent } from '@moult/runtime/files';

/** What a directory is, by its manifest; null: it has none, so it is no slot. Files are not checked. */
export async function slotAt(
  dir: string,
): Promise<{ readonly slot: Slot; readonly manifest: Manifest } | null> {
  const text = await readTextIfPresent(join(dir, MANIFEST_PATH));
  if (text === null) return null;
  const manifest = parseManifest(text);
  const digest = createHash('sha256').update(text).digest('hex');
  const { version } = manifest;
  return { slot: { version, digest, dir: slotDirOf(version, digest) }, manifest };
}

/** The slot that a script at `<slot>/lib/….cjs` runs from; null: it runs from none (a checkout). */
export async function ownSlot(scriptPath: string): Promise<Slot | null> {
  return (await slotAt(join(dirname(scriptPath), '..')))?.slot ?? null;
}
