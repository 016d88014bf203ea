/* What the program was started with, read once. Nothing else in this package looks at the process. */
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { environmentVariable } from '@moult/runtime/environment';
import type { Screen } from '../terminal/screen.ts';

export interface Invocation {
  readonly args: readonly string[];
  /** Runtime and script of this program, absolute: what a unit has to start for it. */
  readonly program: readonly string[];
  readonly screen: Screen;
  readonly variable: (name: string) => string | null;
  readonly homeDir: string;
  readonly readInput: () => Promise<string>;
  /** Aborts when standard input closes: its writer ended, however it ended. */
  readonly inputEnded: () => AbortSignal;
}

const COLUMNS_DEFAULT = 100;
const ROWS_DEFAULT = 24;

export function readInvocation(): Invocation {
  return {
    args: process.argv.slice(2),
    program: [process.execPath, scriptPath()],
    screen: systemScreen(),
    variable: environmentVariable,
    homeDir: environmentVariable('HOME') ?? homedir(),
    readInput,
    inputEnded,
  };
}

function scriptPath(): string {
  const path = process.argv[1] ?? '';
  return existsSync(path) ? realpathSync(path) : path;
}

export function systemScreen(): Screen {
  // `moult agents list | head` closes the pipe early: that is no failure of ours.
  let isOutGone = false;
  process.stdout.on('error', () => {
    isOutGone = true;
  });
  process.stderr.on('error', () => undefined);
  const isDumb = environmentVariable('TERM') === 'dumb';
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outBytes: (bytes) => void process.stdout.write(bytes),
    errBytes: (bytes) => void process.stderr.write(bytes),
    flushed: async () => {
      await Promise.all([process.stdout, process.stderr].map(flushed));
    },
    isOutTerminal: process.stdout.isTTY === true,
    isErrTerminal: process.stderr.isTTY === true,
    isOutGone: () => isOutGone,
    isLive: process.stderr.isTTY === true && !isDumb,
    // A terminal that does not know its size says 0.
    get columns() {
      return process.stderr.columns || COLUMNS_DEFAULT;
    },
    get rows() {
      return process.stderr.rows || ROWS_DEFAULT;
    },
    hasColour:
      process.stdout.isTTY === true &&
      process.stderr.isTTY === true &&
      !isDumb &&
      (environmentVariable('NO_COLOR') ?? '') === '',
  };
}

/** Also when it was closed: then nothing is left to be written. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

/** A token is a line; whoever sends more did not mean it. */
const INPUT_BYTES_MAX = 64 * 1024;

async function readInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > INPUT_BYTES_MAX) break;
  }
  return text.trim();
}

function inputEnded(): AbortSignal {
  const ended = new AbortController();
  for (const event of ['end', 'close', 'error']) process.stdin.once(event, () => ended.abort());
  process.stdin.resume();
  return ended.signal;
}
