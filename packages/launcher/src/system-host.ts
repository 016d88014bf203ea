/*
 * The launcher's supervisor: systemd by `systemd-notify` (Node has no unix datagram sockets), or one without datagrams
 * by lines on a unix stream socket named in MOULT_NOTIFY_SOCKET. Agents and probes see neither variable.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { cleanEnvironment, environmentVariable } from '@moult/runtime/environment';
import type { Host } from './ports.ts';

const BOOT_ID_PATH = '/proc/sys/kernel/random/boot_id';

/** Variables of the supervisor that the first launcher hands on to the launcher that it becomes. */
const NOTIFY_VARIABLES = [
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'MOULT_NOTIFY_SOCKET',
] as const;

export function notifyEnvironment(): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of NOTIFY_VARIABLES) {
    const value = environmentVariable(name);
    if (value !== null) found[name] = value;
  }
  return found;
}

/** Without a readable boot id every boot counts as the same one: tries are then counted as crashes, never fewer. */
export async function readBootId(): Promise<string> {
  return await readFile(BOOT_ID_PATH, 'utf8').then(
    (text) => text.trim(),
    () => 'unknown',
  );
}

export async function openHost(): Promise<Host & AsyncDisposable> {
  const bootId = await readBootId();
  const streamPath = environmentVariable('MOULT_NOTIFY_SOCKET');
  if (streamPath !== null) return streamHost(bootId, await connected(streamPath));
  const notifySocket = environmentVariable('NOTIFY_SOCKET');
  const isWatched = environmentVariable('WATCHDOG_USEC') !== null;
  const tell = (state: string): Promise<void> =>
    notifySocket === null ? Promise.resolve() : systemdNotify(state, notifySocket);
  return {
    bootId,
    ready: () => tell('READY=1'),
    alive: () => (isWatched ? tell('WATCHDOG=1') : Promise.resolve()),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function streamHost(bootId: string, socket: Socket | null): Host & AsyncDisposable {
  const tell = (line: string): Promise<void> =>
    new Promise((resolve) => {
      if (socket === null || !socket.writable) resolve();
      else socket.write(`${line}\n`, () => resolve());
    });
  return {
    bootId,
    ready: () => tell('READY=1'),
    alive: () => tell('WATCHDOG=1'),
    [Symbol.asyncDispose]: () => Promise.resolve(void socket?.destroy()),
  };
}

function connected(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    // A supervisor that does not listen does not watch either; the agent matters more than it.
    socket.on('error', () => resolve(null));
    socket.once('connect', () => {
      socket.unref();
      resolve(socket);
    });
  });
}

function systemdNotify(state: string, socket: string): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn('systemd-notify', [state], {
      env: cleanEnvironment({ NOTIFY_SOCKET: socket }),
      stdio: 'ignore',
    });
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}
