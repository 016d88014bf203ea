/* Where programs of the host hand in output: a unix socket, for the user and the group of the agent. */
import { once } from 'node:events';
import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import { codeOf } from '@moult/runtime/files';
import type { Logger } from '@moult/runtime/logger';
import type { NumberedIntake } from './intake.ts';
import { Peer } from './peer.ts';

export interface OutputSocket {
  /** Takes records until the signal aborts; resolves when all that was read is answered. */
  run(intake: NumberedIntake, signal: AbortSignal): Promise<void>;
}

export interface OutputSocketOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the address of a unix socket holds on Linux, less its end; a longer one would be cut off in silence. */
const PATH_BYTES_MAX = 107;
/** Each costs some hundred KiB at the most. */
const PEERS_MAX = 64;

export function createOutputSocket(options: OutputSocketOptions): OutputSocket {
  return { run: (intake, signal) => run(options, intake, signal) };
}

async function run(
  options: OutputSocketOptions,
  intake: NumberedIntake,
  signal: AbortSignal,
): Promise<void> {
  const { path, clock, log } = options;
  const peers = new Set<Peer>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (signal.aborted || peers.size >= PEERS_MAX) {
      turnAway(socket);
      return;
    }
    const peer = new Peer({ socket, intake, clock });
    peers.add(peer);
    socket.once('close', () => peers.delete(peer));
  });
  try {
    await listen(server, path);
  } catch (error) {
    // An agent without it does all else; what stands in the way may need its owner.
    const { code, message, remedy } = codedErrorFrom(error);
    log.warn('programs of this host cannot hand in output', { code, message, remedy });
    return;
  }
  server.on('error', (error) => log.warn('the output socket', { message: error.message }));
  if (!signal.aborted) await once(signal, 'abort');
  // It removes the socket's file, too.
  server.close();
  await Promise.all([...peers].map((peer) => peer.stop()));
}

async function listen(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    const detail = `${path} is longer than the ${PATH_BYTES_MAX} bytes of a socket's address`;
    throw new CodedError('output-socket-unusable', detail);
  }
  try {
    await removeLeft(path);
    // The group passes through to the socket, and sees nothing else: files of the state are the user's alone.
    await chmod(dirname(path), 0o710);
    server.listen(path);
    await once(server, 'listening');
    await chmod(path, 0o660);
  } catch (cause) {
    server.close();
    if (cause instanceof CodedError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('output-socket-unusable', `${path}: ${why}`, { cause });
  }
}

/** Left by a process that crashed: whoever serves holds the lock of the state, so nobody listens there. */
async function removeLeft(path: string): Promise<void> {
  try {
    const found = await lstat(path);
    if (!found.isSocket()) {
      throw new CodedError('output-socket-unusable', `${path} is there, and no socket`);
    }
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function turnAway(socket: Socket): void {
  socket.on('error', () => undefined);
  const code = 'output-busy';
  const message = `${PEERS_MAX} programs hand in output already`;
  socket.end(`${JSON.stringify({ ok: false, code, message })}\n`, () => socket.destroy());
}
