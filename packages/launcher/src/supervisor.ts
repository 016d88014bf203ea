/*
 * A supervisor for hosts without systemd, for development and for tests: obeys the rules of the unit (unit.ts), so that
 * what is proved under it holds under systemd. It has no control groups: agents of a killed launcher end because
 * their pipe closes, and the next launcher ends the recorded holder.
 *
 *   any exit, any signal      → started again           (Restart=always: no version can end a host by ending well)
 *   READY, then silence       → killed, started again   (WatchdogSec)
 *   asked to stop             → SIGTERM, waits, ends    (systemctl stop)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { EXIT } from '@moult/core/boot';
import type { Clock } from '@moult/runtime/clock';
import { cleanEnvironment } from '@moult/runtime/environment';
import { readLines } from './lines.ts';
import { RESPONSE_S, STOP_S } from './unit.ts';

export interface SupervisorOptions {
  /** Program and arguments of the first launcher, absolute: `firstLauncherCommand()`. */
  readonly command: readonly string[];
  readonly clock: Clock;
  /** RestartSec; the unit's 2 s unless given. */
  readonly restartMs?: number;
  /** WatchdogSec; the unit's unless given. */
  readonly watchdogMs?: number;
  readonly onLine: (line: string) => void;
  /** Told of each start, READY and end. */
  readonly onEvent?: (event: SupervisorEvent) => void;
}

export type SupervisorEvent =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'ready'; readonly pid: number }
  | { readonly kind: 'unresponsive'; readonly pid: number }
  | { readonly kind: 'ended'; readonly exitCode: number | null; readonly signal: string | null };

interface LauncherEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

const RESTART_MS = 2_000;
const LINE_BYTES_MAX = 64 * 1024;

/** Runs until the signal aborts: then SIGTERM, and SIGKILL after TimeoutStopSec. */
export async function supervise(options: SupervisorOptions, stop: AbortSignal): Promise<number> {
  // A short path: unix sockets are named by at most 107 bytes.
  const dir = await mkdtemp(`${tmpdir()}/moult-`);
  const socketPath = `${dir}/notify`;
  const notices = new Notices();
  const server = await listening(socketPath, notices);
  try {
    for (;;) {
      const end = await superviseOnce(options, { socketPath, notices }, stop);
      if (stop.aborted) return isAsAsked(end) ? EXIT.stop : (end.exitCode ?? 1);
      await options.clock.sleep(options.restartMs ?? RESTART_MS, stop).catch(() => undefined);
      if (stop.aborted) return EXIT.stop;
    }
  } finally {
    notices.end();
    await new Promise((resolve) => server.close(resolve));
    await rm(dir, { recursive: true, force: true });
  }
}

/** Also of a launcher that had not come to catch the signal. */
function isAsAsked(end: LauncherEnd): boolean {
  return end.exitCode === EXIT.bootRecorded || end.signal === 'SIGTERM';
}

async function superviseOnce(
  options: SupervisorOptions,
  notify: { readonly socketPath: string; readonly notices: Notices },
  stop: AbortSignal,
): Promise<LauncherEnd> {
  const [program = '', ...argv] = options.command;
  const child = spawn(program, argv, {
    cwd: '/',
    env: cleanEnvironment({ MOULT_NOTIFY_SOCKET: notify.socketPath }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    readLines(stream, { bytesMax: LINE_BYTES_MAX, overlong: 'cut' }, options.onLine);
  }
  const ended = endOf(child);
  const over = new AbortController();
  const pid = child.pid ?? 0;
  if (child.pid !== undefined) options.onEvent?.({ kind: 'started', pid });
  const stopChild = () => {
    child.kill('SIGTERM');
    killLater(child, { clock: options.clock, ms: STOP_S * 1000, signal: over.signal });
  };
  if (stop.aborted) stopChild();
  stop.addEventListener('abort', stopChild, { once: true });
  notify.notices.onNotice = watchdog({ ...options, child, pid, signal: over.signal });
  const end = await ended;
  over.abort();
  notify.notices.onNotice = null;
  stop.removeEventListener('abort', stopChild);
  options.onEvent?.({ kind: 'ended', ...end });
  return end;
}

/** Each notice puts the end off; the first one, READY, starts it. */
function watchdog(
  options: Pick<SupervisorOptions, 'clock' | 'watchdogMs' | 'onEvent'> & {
    readonly child: ChildProcess;
    readonly pid: number;
    readonly signal: AbortSignal;
  },
): (notice: string) => void {
  let pending: AbortController | null = null;
  return (notice) => {
    const { pid, signal, child } = options;
    if (notice === 'READY=1') options.onEvent?.({ kind: 'ready', pid });
    pending?.abort();
    pending = new AbortController();
    const either = AbortSignal.any([pending.signal, signal]);
    options.clock.sleep(options.watchdogMs ?? RESPONSE_S * 1000, either).then(
      () => {
        options.onEvent?.({ kind: 'unresponsive', pid });
        child.kill('SIGKILL');
      },
      () => undefined,
    );
  };
}

function killLater(
  child: ChildProcess,
  when: { readonly clock: Clock; readonly ms: number; readonly signal: AbortSignal },
): void {
  when.clock.sleep(when.ms, when.signal).then(
    () => void child.kill('SIGKILL'),
    () => undefined,
  );
}

function endOf(child: ChildProcess): Promise<LauncherEnd> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ exitCode: 127, signal: null }));
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
  });
}

/** Lines from whichever launcher lives; one at a time does. */
class Notices {
  onNotice: ((notice: string) => void) | null = null;
  readonly #sockets = new Set<Socket>();

  take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    readLines(socket, { bytesMax: LINE_BYTES_MAX, overlong: 'drop' }, (line) =>
      this.onNotice?.(line),
    );
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function listening(path: string, notices: Notices): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => notices.take(socket));
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}
