import { statfs } from 'node:fs/promises';
import { CodedError } from '@moult/core/errors';

/** Beside twice what will be written: logs and state of whatever else runs there go on meanwhile. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/** Throws `disk-reserve` unless twice the space and inodes of the files, and 64 MiB, are free. */
export async function requireReserve(
  dir: string,
  files: readonly { readonly length: number }[],
): Promise<void> {
  const free = await statfs(dir);
  const bytesWanted = 2 * files.reduce((sum, file) => sum + file.length, 0) + RESERVE_BYTES;
  const bytesFree = free.bavail * free.bsize;
  if (bytesFree < bytesWanted) {
    throw new CodedError(
      'disk-reserve',
      `${dir} has ${bytesFree} bytes free, ${bytesWanted} are needed`,
    );
  }
  // Some file systems make inodes as needed and report none.
  const inodesWanted = 2 * files.length;
  if (free.files > 0 && free.ffree < inodesWanted) {
    throw new CodedError(
      'disk-reserve',
      `${dir} has ${free.ffree} inodes free, ${inodesWanted} are needed`,
    );
  }
}
