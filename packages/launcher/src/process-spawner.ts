/*
 * Processes of the agent: absolute paths, a cleaned environment, a socket pair as descriptor 3, a process group of
 * their own (so that killing one takes its children along, and a terminal's Ctrl-C reaches the launcher alone).
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import {
  type Holder,
  type LauncherPipeMessage,
  PIPE_FD,
  PIPE_LINE_BYTES_MAX,
  PROBE_EXIT,
  type Slot,
  startTimeOf,
} from '@moult/core/boot';
import { type Layout, versionsDirOf } from '@moult/core/layout';
import type { Clock } from '@moult/runtime/clock';
import { cleanEnvironment } from '@moult/runtime/environment';
import { codeOf } from '@moult/runtime/files';
import { messageOf } from './boot-store.ts';
import { firstDamaged, firstMissing, readManifest } from './file-disk.ts';
import { readLines } from './lines.ts';
import type {
  AgentEnd,
  AgentListener,
  AgentProcess,
  RehearsalResult,
  Spawner,
  SpawnResult,
} from './ports.ts';
import { watchRehearsal } from './rehearsal-process.ts';

/** A probe dials, authenticates and refreshes metadata; whoever needs longer than this has not reached anything. */
const PROBE_MS = 30_000;
/** A holder from a dead launcher sees its pipe closed and ends; after this long it is killed. */
const HOLDER_GRACE_MS = 10_000;
const HOLDER_POLL_MS = 50;
/** After its end, how long a process's last lines may take when a child of it keeps the pipe open. */
const LAST_LINES_MS = 250;
/** What one process of the agent prints in a line at most before the line is cut. */
const LOG_LINE_BYTES_MAX = 64 * 1024;

export interface ProcessSpawnerOptions {
  readonly layout: Layout;
  /** Passed on as `--root`; null: a system-wide installation. */
  readonly root: string | null;
  readonly clock: Clock;
}

export class ProcessSpawner implements Spawner {
  readonly #options: ProcessSpawnerOptions;

  constructor(options: ProcessSpawnerOptions) {
    this.#options = options;
  }

  async spawn(
    what: { readonly slot: Slot; readonly isChecked: boolean },
    listener: AgentListener,
  ): Promise<SpawnResult> {
    const { layout } = this.#options;
    const damaged = what.isChecked ? await this.#damageOf(what.slot) : null;
    if (damaged !== null) return failed(damaged);
    const started = await this.#start(what.slot, ['run'], {
      detached: true,
      env: cleanEnvironment({
        MOULT_PIPE_FD: String(PIPE_FD),
        // By the process itself it could be had only for what is loaded later, and all of it is one file.
        NODE_COMPILE_CACHE: `${layout.compileCacheDir}/${what.slot.dir}`,
      }),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    if (started.kind === 'failed') return started;
    const { child, pid } = started;
    const pipe = child.stdio[PIPE_FD];
    if (!(pipe instanceof Socket)) throw new Error('no pipe');
    // A closed pipe shows as the process's end; an error of its own tells nothing more.
    pipe.on('error', () => undefined);
    readLines(pipe, { bytesMax: PIPE_LINE_BYTES_MAX, overlong: 'drop' }, (line) =>
      listener.onLine(line),
    );
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null)
        readLines(stream, { bytesMax: LOG_LINE_BYTES_MAX, overlong: 'cut' }, listener.onLog);
    }
    return {
      kind: 'spawned',
      agent: new RealProcess({ child, pid, pipe, clock: this.#options.clock }),
    };
  }

  async probe(slot: Slot, signal: AbortSignal): Promise<boolean> {
    const started = await this.#start(slot, ['--probe'], {
      detached: true,
      env: cleanEnvironment(),
      stdio: 'ignore',
    });
    if (started.kind === 'failed') return false;
    const over = new AbortController();
    const ended = new Promise<number | null>((resolve) => started.child.once('exit', resolve));
    const kill = () => killGroup(started.pid);
    signal.addEventListener('abort', kill, { once: true });
    if (signal.aborted) kill();
    // Rejects only when it is not needed any more.
    void this.#options.clock.sleep(PROBE_MS, over.signal).then(kill, () => undefined);
    const exitCode = await ended;
    over.abort();
    signal.removeEventListener('abort', kill);
    return exitCode === PROBE_EXIT.reached;
  }

  async rehearse(slot: Slot, signal: AbortSignal): Promise<RehearsalResult> {
    const { layout, clock } = this.#options;
    const started = await this.#start(slot, ['--rehearse'], {
      detached: true,
      // What is compiled now need not be when this version is to serve.
      env: cleanEnvironment({ NODE_COMPILE_CACHE: `${layout.compileCacheDir}/${slot.dir}` }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (started.kind === 'failed') {
      const { message, isHostTrouble } = started;
      if (isHostTrouble) return { kind: 'not-started', message };
      return { kind: 'ended', outcome: 'failed', detail: `it cannot be started: ${message}` };
    }
    return await watchRehearsal(started, { clock, signal, kill: () => killGroup(started.pid) });
  }

  async endHolder(holder: Holder, signal: AbortSignal): Promise<void> {
    if (holder.pid === process.pid) return;
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + HOLDER_GRACE_MS;
    let isTold = false;
    while ((await readStartTime(holder.pid)) === holder.startTime) {
      if (!isTold) signalProcess(holder.pid, 'SIGTERM');
      isTold = true;
      if (clock.monotonicMs() >= deadlineMs || signal.aborted) {
        killGroup(holder.pid);
        signalProcess(holder.pid, 'SIGKILL');
      }
      await clock.sleep(HOLDER_POLL_MS);
    }
  }

  /** B19. Null: none, or none that could be looked for; then whoever starts it says what is wrong. */
  async #damageOf(slot: Slot): Promise<string | null> {
    const slotDir = `${versionsDirOf(this.#options.layout, 'agent')}/${slot.dir}`;
    try {
      const read = await readManifest(slotDir);
      const path = read === null ? null : await firstDamaged(slotDir, read.manifest);
      return path === null ? null : `${slotDir}/${path} is damaged`;
    } catch {
      return null;
    }
  }

  async #start(slot: Slot, verb: readonly string[], options: SpawnOptions): Promise<Started> {
    const slotDir = `${versionsDirOf(this.#options.layout, 'agent')}/${slot.dir}`;
    try {
      const read = await readManifest(slotDir);
      if (read === null) return failed(`${slotDir} has no manifest`);
      // The record names a digest: a slot whose manifest is another one is not that version.
      if (read.digest !== slot.digest) return failed(`${slotDir} has another manifest`);
      // A script that is empty ends with 0, which would take the whole host down for good.
      const missing = await firstMissing(slotDir, read.manifest);
      if (missing !== null) return failed(`${slotDir}/${missing} is not all there`);
      const { program, script } = read.manifest;
      const trouble = await troubleOfProgram(`${slotDir}/${program}`);
      if (trouble !== null) return failed(trouble);
      const root = this.#options.root === null ? [] : ['--root', this.#options.root];
      const argv = [`${slotDir}/${script}`, ...verb, ...root];
      return await startedChild(spawn(`${slotDir}/${program}`, argv, { cwd: '/', ...options }));
    } catch (caught) {
      return failedBy(caught);
    }
  }
}

/** e_machine of ELF for the architectures that releases are made for. */
const ELF_MACHINE: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };
const ELF_MACHINE_OFFSET = 18;
const ELF_HEADER_BYTES = 20;

/**
 * What the kernel would refuse as a format, execvp hands to a shell: a program of another machine would run as a script.
 * So the header is looked at first.
 */
async function troubleOfProgram(path: string): Promise<string | null> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(ELF_HEADER_BYTES),
      0,
      ELF_HEADER_BYTES,
      0,
    );
    if (buffer.toString('latin1', 0, 2) === '#!') return null;
    if (bytesRead < ELF_HEADER_BYTES || buffer.toString('latin1', 1, 4) !== 'ELF')
      return `${path} is no program`;
    const wanted = ELF_MACHINE[process.arch];
    const isOurs = wanted === undefined || buffer.readUInt16LE(ELF_MACHINE_OFFSET) === wanted;
    return isOurs ? null : `${path} is for another machine than ${process.arch}`;
  } finally {
    await file.close();
  }
}

type Started =
  | { readonly kind: 'started'; readonly child: ChildProcess; readonly pid: number }
  | Failed;

type Failed = Extract<SpawnResult, { readonly kind: 'failed' }>;

function failed(message: string): Failed {
  return { kind: 'failed', message, isHostTrouble: false };
}

function failedBy(error: unknown): Failed {
  return { kind: 'failed', message: messageOf(error), isHostTrouble: isHostTrouble(error) };
}

/** No process, no memory, no handle left: of this process or of the host. */
const HOST_TROUBLES: ReadonlySet<string> = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']);

/** Also where an error of ours was made of it. */
export function isHostTrouble(error: unknown): boolean {
  if (HOST_TROUBLES.has(codeOf(error) ?? '')) return true;
  return error instanceof Error && error.cause !== undefined && isHostTrouble(error.cause);
}

function startedChild(child: ChildProcess): Promise<Started> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(failedBy(error)));
    child.once('spawn', () => {
      // Later errors are of signals that came too late.
      child.on('error', () => undefined);
      if (child.pid === undefined) resolve(failed('it has no process id'));
      else resolve({ kind: 'started', child, pid: child.pid });
    });
  });
}

class RealProcess implements AgentProcess {
  readonly pid: number;
  readonly ended: Promise<AgentEnd>;
  readonly #pipe: Socket;
  #isOver = false;

  constructor(parts: {
    readonly child: ChildProcess;
    readonly pid: number;
    readonly pipe: Socket;
    readonly clock: Clock;
  }) {
    const { child, pid, pipe, clock } = parts;
    this.pid = pid;
    this.#pipe = pipe;
    this.ended = new Promise((resolve) => {
      child.once('exit', (exitCode, signal) => {
        this.#isOver = true;
        const settled = new AbortController();
        const done = () => {
          settled.abort();
          // A grandchild that inherited the streams must not keep them, nor this process, open.
          for (const stream of [child.stdout, child.stderr, pipe]) stream?.destroy();
          resolve({ exitCode, signal });
        };
        child.once('close', done);
        clock.sleep(LAST_LINES_MS, settled.signal).then(done, () => undefined);
      });
    });
  }

  send(message: LauncherPipeMessage): void {
    if (this.#isOver || !this.#pipe.writable) return;
    // An agent that does not read is silent too, and ends as a hang; till then what it is told is bounded.
    if (this.#pipe.writableLength > PIPE_LINE_BYTES_MAX) return;
    this.#pipe.write(`${JSON.stringify(message)}\n`);
  }

  kill(): void {
    if (!this.#isOver) killGroup(this.pid);
  }
}

/** Start time of a process, as in `holder.json`; null: there is no such process. */
export async function readStartTime(pid: number): Promise<string | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // A zombie holds nothing any more.
    return text.slice(text.lastIndexOf(')') + 2).startsWith('Z') ? null : startTimeOf(text);
  } catch {
    return null;
  }
}

function killGroup(pid: number): void {
  signalProcess(-pid, 'SIGKILL');
}

function signalProcess(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already, which is what was wanted.
  }
}
