/*
 * Programs of tasks as real processes: no shell, a process group of their own, an environment of a few variables, no
 * standard input. Whatever such a program does (ignore signals, leave children, write without end), the agent gets
 * rid of it, and of what it left in its group, by SIGKILL to the group.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { startTimeOf } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import { cleanEnvironment } from '@moult/runtime/environment';
import type { Leader } from '../database/index.ts';
import type { ProgramStart, Programs, RunningProgram } from '../ports.ts';

export interface ProgramsOptions {
  readonly clock: Clock;
  readonly bootId: string;
  readonly outputSocketPath: string;
}

/** Nothing that a relative path could hit by accident. */
const WORKING_DIR = '/';
/** How long a pipe is read on that something outside of the group holds open. */
const HELD_OPEN_MS = 2_000;
/** What it may still write meanwhile: pipes hold less. */
const HELD_OPEN_BYTES = 1_048_576;
/** SIGKILL takes no longer, unless the kernel cannot end it at all. */
const GONE_MS = 5_000;
const GONE_POLL_MS = 50;

export function createPrograms(options: ProgramsOptions): Programs {
  return {
    start: (program) => start(options, program),
    endLeft: (left) => endLeft(options, left),
  };
}

async function start(options: ProgramsOptions, given: ProgramStart): Promise<RunningProgram> {
  const { clock, bootId } = options;
  const child = await startedChild(options, given);
  const { pid } = child;
  const startTime = pid === undefined ? null : readStartTime(pid);
  const over = new AbortController();
  const ended = new Promise<{ exitCode: number | null; signal: string | null }>((resolve) => {
    const done = (exitCode: number | null, signal: string | null) => {
      signalGroup(pid, 'SIGKILL');
      void clock.sleep(HELD_OPEN_MS).then(() => over.abort());
      resolve({ exitCode, signal });
    };
    if (child.exitCode !== null || child.signalCode !== null)
      done(child.exitCode, child.signalCode);
    else child.once('exit', done);
  });
  return {
    pid: pid ?? 0,
    leader: pid === undefined || startTime === null ? null : { pid, startTime, bootId },
    output: (['stdout', 'stderr', 'result'] as const).map((stream, index) => ({
      stream,
      chunks: chunksOf(child.stdio[index + 1] as Readable, over.signal),
    })),
    ended,
    signal: (name) => {
      // Its number is not given to another process before it was waited for; then it is over anyway.
      if (child.exitCode === null && child.signalCode === null) signalGroup(pid, name);
    },
  };
}

function startedChild(options: ProgramsOptions, given: ProgramStart): Promise<ChildProcess> {
  const { task, run, program } = given;
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown) => {
      const message = cause instanceof Error ? cause.message : String(cause);
      reject(new CodedError('task-not-started', `${program}: ${message}`, { cause }));
    };
    try {
      const child = spawn(program, given.args, {
        cwd: WORKING_DIR,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        env: {
          ...cleanEnvironment(given.environment),
          MOULT_TASK: task,
          [MOULT_RUN]: run,
          MOULT_OUTPUT_SOCKET: options.outputSocketPath,
        },
      });
      child.once('error', failed);
      child.once('spawn', () => {
        // Later errors are of signals that came too late.
        child.on('error', () => undefined);
        resolve(child);
      });
    } catch (error) {
      failed(error);
    }
  });
}

/**
 * Everything that is written, one piece at a time; nothing is read ahead of who asks beyond the stream's own buffer.
 * Ends with the stream, or, when the signal aborts, as soon as nothing is left in it.
 */
async function* chunksOf(stream: Readable, over: AbortSignal): AsyncGenerator<Uint8Array> {
  let isDone = false;
  let wake: () => void = () => undefined;
  const done = () => {
    isDone = true;
    wake();
  };
  stream.once('end', done).once('close', done).once('error', done);
  stream.on('readable', () => wake());
  over.addEventListener('abort', () => wake(), { once: true });
  let bytesHeldOpen = 0;
  try {
    for (;;) {
      const chunk = stream.read() as Uint8Array | null;
      if (chunk !== null) {
        yield chunk;
        if (over.aborted) bytesHeldOpen += chunk.byteLength;
        if (bytesHeldOpen <= HELD_OPEN_BYTES) continue;
      }
      if (isDone || over.aborted) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    stream.destroy();
  }
}

const MOULT_RUN = 'MOULT_RUN';

/**
 * The recorded leader's group, and whoever carries the run's id in its environment: a leader may be gone and its
 * children not, or it was never recorded.
 */
async function endLeft(
  options: ProgramsOptions,
  left: { readonly run: string; readonly leader: Leader | null },
): Promise<void> {
  const { clock, bootId } = options;
  const { leader, run } = left;
  const deadlineMs = clock.monotonicMs() + GONE_MS;
  for (;;) {
    const pids = await pidsOf(run);
    const isLed = leader?.bootId === bootId && readStartTime(leader.pid) === leader.startTime;
    if (isLed) signalGroup(leader.pid, 'SIGKILL');
    for (const pid of pids) signalProcess(pid, 'SIGKILL');
    if ((pids.length === 0 && !isLed) || clock.monotonicMs() > deadlineMs) return;
    await clock.sleep(GONE_POLL_MS);
  }
}

/** Processes whose environment names the run; what belongs to other users cannot be read, and is none of ours. */
async function pidsOf(run: string): Promise<readonly number[]> {
  const wanted = `${MOULT_RUN}=${run}`;
  const found: number[] = [];
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(wanted)) found.push(Number(name));
  }
  return found;
}

/** Null: there is no such process, or only what is left of one. */
function readStartTime(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).startsWith('Z') ? null : startTimeOf(text);
  } catch {
    return null;
  }
}

function signalGroup(pid: number | undefined, name: 'SIGTERM' | 'SIGKILL'): void {
  if (pid !== undefined) signalProcess(-pid, name);
}

function signalProcess(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already, which is what was wanted.
  }
}
