/* A unix socket for the user and the group of the agent. */
import { once } from 'node:events';
import { chmod, lstat, unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { CodedError, type ErrorCode } from '@moult/core/errors';
import { codeOf } from '@moult/runtime/files';

/** What the address of a unix socket holds on Linux, less its end; a longer one would be cut off in silence. */
const PATH_BYTES_MAX = 107;

export interface SocketPlace {
  readonly path: string;
  /** Of whatever is in the way. */
  readonly code: ErrorCode;
  /** Makes the directory ready. */
  readonly prepare: () => Promise<void>;
}

/** Rejects with the place's code, and the server closed. */
export async function listenAt(server: Server, place: SocketPlace): Promise<void> {
  const { path, code, prepare } = place;
  try {
    if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
      const detail = `${path} is longer than the ${PATH_BYTES_MAX} bytes of a socket's address`;
      throw new CodedError(code, detail);
    }
    await removeLeft(path, code);
    await prepare();
    server.listen(path);
    await once(server, 'listening');
    await chmod(path, 0o660);
  } catch (cause) {
    server.close();
    if (cause instanceof CodedError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError(code, `${path}: ${why}`, { cause });
  }
}

/** Left by a process that crashed: whoever serves holds the lock of the state, so nobody listens there. */
async function removeLeft(path: string, code: ErrorCode): Promise<void> {
  try {
    const found = await lstat(path);
    if (!found.isSocket()) throw new CodedError(code, `${path} is there, and no socket`);
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
