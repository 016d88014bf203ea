/* Where programs of the host hand in output: a unix socket, for the user and the group of the agent. */
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { codedErrorFrom } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { listenAt } from '../host/unix-socket.ts';
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
  // The group passes through to the socket, and sees nothing else: files of the state are the user's alone.
  await listenAt(server, {
    path,
    code: 'output-socket-unusable',
    prepare: () => chmod(dirname(path), 0o710),
  });
}

function turnAway(socket: Socket): void {
  socket.on('error', () => undefined);
  const code = 'output-busy';
  const message = `${PEERS_MAX} programs hand in output already`;
  socket.end(`${JSON.stringify({ ok: false, code, message })}\n`, () => socket.destroy());
}
