/*
 * Versions nobody needs may go once the coordinator has seen the committed one (H13). U16: kept is whatever the boot record
 * on disk names, asked at the moment of removal, and what runs; where the record cannot be read nothing goes.
 */
import type { Spawned } from '@moult/core/boot';
import { COMPONENTS } from '@moult/core/component';
import type { Logger } from '@moult/runtime/logger';
import type { Slots } from './ports.ts';

export async function removeUnneededVersions(options: {
  readonly slots: Slots;
  readonly spawned: Spawned;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { slots, spawned, log, signal } = options;
  const recorded = await slots.recordedDirs();
  if (recorded === null) {
    log.warn('no version is removed: the boot record cannot be read');
    return;
  }
  const isOwn = (dir: string) =>
    dir === spawned.slot.dir ||
    (spawned.launcherDigest !== null && dir.endsWith(`-${spawned.launcherDigest.slice(0, 8)}`));
  for (const component of COMPONENTS) {
    for (const dir of await slots.list(component)) {
      signal.throwIfAborted();
      if (recorded.has(dir) || isOwn(dir)) continue;
      await slots.remove(component, dir);
      log.info('removed a version that nobody needs', { component, dir });
    }
  }
  await slots.clearStaging();
}
