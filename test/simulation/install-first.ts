import { encodeBootRecord, firstRecord } from '@moult/core/boot';
import { dirOf, LAYOUT, linkPath, slotPathOf } from './paths.ts';
import type { SimRelease } from './versions.ts';
import type { World } from './world.ts';

/** The first installation: one committed slot, its link, a record. */
export function installFirst(world: World, release: SimRelease): void {
  const { files } = world;
  const { slot, text } = release;
  const write = (path: string, content: string) => {
    files.write(path, content);
    files.sync(path);
    files.syncDirectory(dirOf(path));
  };
  write(slotPathOf('agent', slot.dir), text);
  write(LAYOUT.bootRecordPath, encodeBootRecord(firstRecord(slot)));
  write(linkPath('agent', 'current'), slot.dir);
}
