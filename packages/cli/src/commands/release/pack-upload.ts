import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Client, ResponseOf } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import type { Run } from '../../shell.ts';
import { formatBytes } from '../../terminal/format.ts';

/** Sends a pack to the coordinator, showing how far it is. Throws `pack-unreadable` and the coordinator's `pack-…` codes. */
export async function uploadPack(
  run: Run,
  client: Client,
  packPath: string,
): Promise<ResponseOf<'importPack'>> {
  const lengthBytes = await lengthOf(packPath);
  let sentBytes = 0;
  const stream = createReadStream(packPath);
  stream.on('data', (chunk) => {
    sentBytes += chunk.length;
    run.output.progress(`sending ${packPath}, ${formatBytes(lengthBytes)}`, {
      part: sentBytes,
      whole: lengthBytes,
    });
  });
  try {
    return await client.importPack({ body: { stream, lengthBytes }, signal: run.stop });
  } finally {
    stream.destroy();
  }
}

async function lengthOf(packPath: string): Promise<number> {
  try {
    return (await stat(packPath)).size;
  } catch (cause) {
    throw new CodedError('pack-unreadable', `cannot read the pack ${packPath}`, { cause });
  }
}
