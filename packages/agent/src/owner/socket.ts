/* Where the owner of the host speaks to its agent. One that is silent, or talks too much, is cut off. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { listenAt } from '../host/unix-socket.ts';
import { pause } from '../waiting.ts';
import { ASK_BYTES_MAX, answerOf, type OwnerAnswer, type OwnerAsk, readAsk } from './asks.ts';
import { makeRunDirectory } from './files.ts';
import type { LogLines } from './log-lines.ts';

interface Asker {
  /** A line before the answer. */
  readonly line: (text: string) => void;
  /** It has gone, or the agent ends. */
  readonly signal: AbortSignal;
}

/**
 * Resolves to the result; rejects with a coded error. The signal: whoever asks has gone. `status` and `logs` need no agent that
 * serves, and do not come to it.
 */
export type OwnerDesk = (ask: OwnerAsk, signal: AbortSignal) => Promise<unknown>;

export interface OwnerSocket {
  /** Answers until the signal aborts. */
  run(desk: OwnerDesk, signal: AbortSignal): Promise<void>;
}

/** People, and a script or two. */
const PEERS_MAX = 16;
/** For one ask to arrive. */
const ASK_MS_MAX = 10_000;
/** Lines of a log that are not read: then it is cut off. */
const UNREAD_BYTES_MAX = 1_048_576;

export function createOwnerSocket(options: {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lines: LogLines;
}): OwnerSocket {
  const { layout, clock, log, lines } = options;
  return {
    run: async (desk, signal) => {
      const answer = async (ask: OwnerAsk, asker: Asker): Promise<unknown> => {
        if (ask.ask === 'status') return (await import('../status.ts')).readStatus(layout);
        if (ask.ask !== 'logs') return desk(ask, asker.signal);
        for (const line of lines.last(ask.lines)) asker.line(line);
        return ask.follow ? lines.follow(asker.line, asker.signal) : null;
      };
      const peers = new Set<Socket>();
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        if (signal.aborted || peers.size >= PEERS_MAX) {
          const text = `${PEERS_MAX} others speak to the agent already`;
          tell(socket, answerOf(new CodedError('output-busy', text)));
          socket.end();
          return;
        }
        peers.add(socket);
        socket.once('close', () => peers.delete(socket));
        void serve(socket, { answer, clock, stop: signal });
      });
      try {
        await listenAt(server, {
          path: layout.ownerSocketPath,
          code: 'owner-socket-unusable',
          prepare: () => makeRunDirectory(layout),
        });
      } catch (error) {
        // An agent without it does all else; what stands in the way may need its owner.
        const { code, message, remedy } = codedErrorFrom(error);
        log.warn('the owner of this host cannot speak to the agent', { code, message, remedy });
        return;
      }
      server.on('error', (error) => log.warn('the owner’s socket', { message: error.message }));
      if (!signal.aborted) await once(signal, 'abort');
      server.close();
      for (const socket of peers) socket.destroy();
    },
  };
}

async function serve(
  socket: Socket,
  options: {
    readonly answer: (ask: OwnerAsk, asker: Asker) => Promise<unknown>;
    readonly clock: Clock;
    readonly stop: AbortSignal;
  },
): Promise<void> {
  const gone = new AbortController();
  socket.once('close', () => gone.abort(new Error('it has gone')));
  const signal = AbortSignal.any([gone.signal, options.stop]);
  try {
    const ask = readAsk(await firstLine(socket, options.clock, signal));
    const line = (text: string) => {
      if (socket.writableLength > UNREAD_BYTES_MAX) socket.destroy();
      tell(socket, { line: text });
    };
    tell(socket, { ok: true, result: (await options.answer(ask, { line, signal })) ?? null });
  } catch (error) {
    tell(socket, answerOf(error));
  }
  socket.end();
}

async function firstLine(socket: Socket, clock: Clock, signal: AbortSignal): Promise<string> {
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    if (bytes > ASK_BYTES_MAX) socket.destroy();
  });
  const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
  const done = new AbortController();
  const late = pause(clock, ASK_MS_MAX, AbortSignal.any([done.signal, signal])).then(() => null);
  const closed = once(lines, 'close', { signal: done.signal }).then(
    () => null,
    () => null,
  );
  const arrived = once(lines, 'line', { signal: done.signal }).then(
    ([line]: unknown[]) => String(line),
    () => null,
  );
  const line = await Promise.race([arrived, closed, late]);
  done.abort();
  if (line === null) throw new CodedError('usage', 'no whole line came');
  return line;
}

function tell(socket: Socket, answer: OwnerAnswer): void {
  if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
}
