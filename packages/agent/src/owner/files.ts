import { chmod, mkdir, readdir } from 'node:fs/promises';
import type { Layout } from '@moult/core/layout';
import { codeOf, readTextIfPresent, writeFileDurably } from '@moult/runtime/files';
import type { OwnerFiles } from '../ports.ts';

/** Named for display; a directory full of them holds as one does. */
const LOCKS_MAX = 8;

export function createOwnerFiles(layout: Layout): OwnerFiles {
  return {
    wordPath: layout.ownerWordPath,
    // What cannot be read was said all the same: nobody knows what.
    readWord: () => readTextIfPresent(layout.ownerWordPath).catch(() => ''),
    writeWord: (text) => writeFileDurably(layout.ownerWordPath, text),
    locks: async () => {
      try {
        return (await readdir(layout.locksDir)).sort().slice(0, LOCKS_MAX);
      } catch (error) {
        const code = codeOf(error);
        if (code === 'ENOENT') return [];
        // Whoever cannot tell does nothing.
        return [`${layout.locksDir} cannot be read: ${code ?? String(error)}`];
      }
    },
  };
}

/** For the group too: its members may speak to the agent, and hold it. */
export async function makeRunDirectory(layout: Layout): Promise<void> {
  await mkdir(layout.runDir, { recursive: true, mode: 0o750 });
  await mkdir(layout.locksDir, { recursive: true });
  // Whatever the umask took away.
  await chmod(layout.locksDir, 0o770);
}
