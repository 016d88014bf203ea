import { constants } from 'node:fs';
import { access, lstat, readdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { COMPONENTS } from '@moult/core/component';
import { type Layout, versionsDirOf } from '@moult/core/layout';
import { codeOf, makeDirectoryDurably } from '@moult/runtime/files';
import type { DiskFacts } from '../ports.ts';

export function createDiskFacts(layout: Layout): DiskFacts {
  return {
    freeForSlots: async () => {
      await makeDirectoryDurably(layout.stagingDir, 0o700);
      return freeIn(layout.stagingDir);
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
    dropStamp: () => stampOf(layout.dropDir),
  };
}

/** The same for the agent, looked at by anybody and before it was ever started: nothing is made. `agentUid`: of its user. */
export function lookAtDisk(layout: Layout, agentUid: number): DiskFacts {
  return {
    freeForSlots: async () => freeIn(await nearestOf(layout.stagingDir)),
    slotsTrouble: async () => {
      try {
        const dirs = [layout.stagingDir, ...COMPONENTS.map((one) => versionsDirOf(layout, one))];
        for (const dir of dirs) {
          const nearest = await nearestOf(dir);
          const { uid, mode } = await stat(nearest);
          const isWritable = agentUid === 0 || (uid === agentUid && (mode & 0o300) === 0o300);
          if (!isWritable)
            return `versions cannot be written: user ${agentUid} may not in ${nearest}`;
        }
        return null;
      } catch (error) {
        return `versions cannot be looked at: ${error instanceof Error ? error.message : error}`;
      }
    },
    dropStamp: () => stampOf(layout.dropDir),
  };
}

/** Names and sizes: a file has its name long before it is whole. */
async function stampOf(dir: string): Promise<string> {
  const names = await readdir(dir).catch(() => []);
  const sizes = names.sort().map(async (name) => {
    const found = await lstat(join(dir, name)).catch(() => null);
    return `${name} ${found?.size}`;
  });
  return (await Promise.all(sizes)).join('\n');
}

async function freeIn(dir: string) {
  const free = await statfs(dir);
  // Some file systems make inodes as needed and report none.
  return { bytes: free.bavail * free.bsize, inodes: free.files > 0 ? free.ffree : null };
}

/** The directory itself, or the first above it that is there. */
async function nearestOf(dir: string): Promise<string> {
  try {
    await stat(dir);
    return dir;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dir === dirname(dir)) throw error;
    return nearestOf(dirname(dir));
  }
}
