import { open, stat } from 'node:fs/promises';
import { CodedError } from '@moult/core/errors';
import { codeOf } from '@moult/runtime/files';
import type { TasksFile } from '../ports.ts';

/** Two hundred tasks with all that can be said of them are a quarter of it. */
const FILE_BYTES_MAX = 1_048_576;

/** `agentUid`: of the user that the agent runs as. */
export function createTasksFile(path: string, agentUid: number | null): TasksFile {
  return {
    stamp: async () => {
      try {
        const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
        return [ino, size, mtimeNs, ctimeNs].join(' ');
      } catch (error) {
        return codeOf(error) === 'ENOENT' ? '' : String(codeOf(error));
      }
    },
    read: async () => {
      try {
        return await readBounded(path, agentUid);
      } catch (cause) {
        if (codeOf(cause) === 'ENOENT') return null;
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new CodedError('file-unreadable', `cannot read ${path}: ${message}`, { cause });
      }
    },
  };
}

async function readBounded(path: string, agentUid: number | null): Promise<string> {
  await using file = await open(path);
  requireOwned(await file.stat(), agentUid);
  const bytes = Buffer.alloc(FILE_BYTES_MAX + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length);
    if (bytesRead === 0) return bytes.toString('utf8', 0, length);
    length += bytesRead;
    if (length > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
  }
}

/** Who can write the list runs what he likes as the agent's user. */
function requireOwned(
  { uid, mode }: { readonly uid: number; readonly mode: number },
  agentUid: number | null,
): void {
  if (uid !== 0 && uid !== agentUid) throw new Error(`it belongs to user ${uid}, not to root`);
  if ((mode & WRITABLE_BY_ALL) !== 0) throw new Error('anybody may write it: chmod o-w');
}

const WRITABLE_BY_ALL = 0o002;
