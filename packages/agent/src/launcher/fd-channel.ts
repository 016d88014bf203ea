/* The pipe as it is: a socket pair inherited as file descriptor PIPE_FD, one JSON object a line. */
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { type LauncherPipeMessage, PIPE_FD, PIPE_LINE_BYTES_MAX } from '@moult/core/boot';
import { environmentVariable } from '@moult/runtime/environment';
import type { LauncherChannel, LauncherListener } from '../ports.ts';

/** B20: this process was started before its time, and touches nothing until its launcher has spoken. */
export function isPrepared(): boolean {
  return environmentVariable('MOULT_WAITS') !== null;
}

/** Null: this process was not started by a launcher. */
export function openInheritedChannel(): FirstWord | null {
  if (environmentVariable('MOULT_PIPE_FD') !== String(PIPE_FD)) return null;
  try {
    if (!fstatSync(PIPE_FD).isSocket()) return null;
  } catch {
    return null;
  }
  return channelOver(new Socket({ fd: PIPE_FD, readable: true, writable: true }));
}

export interface FirstWord extends LauncherChannel {
  /** The launcher has said something, which is there for whoever listens; false: the pipe has closed without a word. */
  readonly spoke: Promise<boolean>;
}

export function channelOver(socket: Socket): FirstWord {
  let speak: (hasSpoken: boolean) => void = () => undefined;
  const spoke = new Promise<boolean>((resolve) => {
    speak = resolve;
  });
  let listener: LauncherListener | null = null;
  let isClosed = false;
  let text = '';
  const early: LauncherPipeMessage[] = [];

  const deliver = (message: LauncherPipeMessage) => {
    speak(true);
    if (listener === null) early.push(message);
    else listener.onMessage(message);
  };
  const closed = () => {
    if (isClosed) return;
    isClosed = true;
    speak(false);
    listener?.onClosed();
  };
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const message = messageIn(line);
      if (message !== null) deliver(message);
    }
    // Only a launcher that lost its mind sends more without a newline.
    if (text.length > PIPE_LINE_BYTES_MAX) socket.destroy();
  });
  socket.on('error', closed);
  socket.on('close', closed);
  socket.on('end', closed);
  return {
    spoke,
    post: (message) => {
      if (!isClosed) socket.write(`${JSON.stringify(message)}\n`);
    },
    listen: (given) => {
      listener = given;
      for (const message of early.splice(0)) given.onMessage(message);
      if (isClosed) given.onClosed();
    },
    close: () => socket.destroy(),
  };
}

/** Null for rubbish and for kinds that this version does not know: the launcher is older or newer, not wrong. */
function messageIn(line: string): LauncherPipeMessage | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('kind' in value)) return null;
    return value as LauncherPipeMessage;
  } catch {
    return null;
  }
}
