import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { COMPONENTS } from '@moult/core/component';
import { type Layout, versionsDirOf } from '@moult/core/layout';
import { makeDirectoryDurably } from '@moult/runtime/files';
import type { DiskFacts } from '../ports.ts';

export function createDiskFacts(layout: Layout): DiskFacts {
  return {
    freeForSlots: async () => {
      await makeDirectoryDurably(layout.stagingDir, 0o700);
      const free = await statfs(layout.stagingDir);
      // Some file systems make inodes as needed and report none.
      return { bytes: free.bavail * free.bsize, inodes: free.files > 0 ? free.ffree : null };
    },
    slotsTrouble: async () => {
      try {
        await makeDirectoryDurably(layout.stagingDir, 0o700);
        for (const component of COMPONENTS) {
          const dir = versionsDirOf(layout, component);
          await makeDirectoryDurably(dir, 0o755);
          await access(dir, constants.W_OK | constants.X_OK);
        }
        return null;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return `versions cannot be written: ${why}`;
      }
    },
  };
}
