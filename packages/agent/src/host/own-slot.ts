import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { type Slot, slotDirOf } from '@moult/core/boot';
import { MANIFEST_PATH, parseManifest } from '@moult/core/manifest';
import { readTextIfPresent } from '@moult/runtime/files';

/** The slot that a script at `<slot>/lib/….cjs` runs from, by its manifest; null: it runs from none (a checkout). */
export async function ownSlot(scriptPath: string): Promise<Slot | null> {
  const text = await readTextIfPresent(join(dirname(scriptPath), '..', MANIFEST_PATH));
  if (text === null) return null;
  const { version } = parseManifest(text);
  const digest = createHash('sha256').update(text).digest('hex');
  return { version, digest, dir: slotDirOf(version, digest) };
}
