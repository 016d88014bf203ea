/*
 * Processes of the agent: absolute paths, a cleaned environment, a socket pair as descriptor 3, a process group of
 * their own (so that killing one takes its children along, and a terminal's Ctrl-C reaches the launcher alone).
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { type Holder, PIPE_FD, PROBE_EXIT, type Slot, startTimeOf } from '@moult/core/boot';
import { type Layout, versionsDirOf } from '@moult/core/layout';
import type { Clock } from '@moult/runtime/clock';
import { cleanEnvironment } from '@moult/runtime/environment';
import { codeOf } from '@moult/runtime/files';
import { PipedProcess } from './agent-process.ts';
import { messageOf } from './boot-store.ts';
import { firstDamaged, firstMissing, readManifest } from './file-disk.ts';
import type { AgentListener, RehearsalResult, Spawner, SpawnResult } from './ports.ts';
import { Prepared } from './prepared.ts';
import { watchRehearsal } from './rehearsal-process.ts';
import { killGroup, signalProcess } from './signals.ts';

/** A probe dials, authenticates and refreshes metadata; whoever needs longer than this has not reached anything. */
const PROBE_MS = 30_000;
/** A holder from a dead launcher sees its pipe closed and ends; after this long it is killed. */
const HOLDER_GRACE_MS = 10_000;
const HOLDER_POLL_MS = 50;

export interface ProcessSpawnerOptions {
  readonly layout: Layout;
  /** Passed on as `--root`; null: a system-wide installation. */
  readonly root: string | null;
  readonly clock: Clock;
}

export class ProcessSpawner implements Spawner {
  readonly #options: ProcessSpawnerOptions;
  readonly #prepared: Prepared;

  constructor(options: ProcessSpawnerOptions) {
    this.#options = options;
    this.#prepared = new Prepared(options.clock);
  }

  async prepare(slot: Slot): Promise<string | null> {
    if (this.#prepared.holds(slot)) return null;
    const started = await this.#startServing(slot, { MOULT_WAITS: '1' });
    if (started.kind === 'failed') return started.message;
    return await this.#prepared.take(slot, started.agent);
  }

  dropPrepared(): void {
    this.#prepared.drop();
  }

  async spawn(
    what: { readonly slot: Slot; readonly isChecked: boolean },
    listener: AgentListener,
  ): Promise<SpawnResult> {
    const prepared = this.#prepared.give(what.slot);
    const damaged = what.isChecked ? await this.#damageOf(what.slot) : null;
    if (damaged !== null) {
      prepared?.kill();
      return failed(damaged);
    }
    const started =
      prepared === null
        ? await this.#startServing(what.slot, {})
        : ({ kind: 'spawned', agent: prepared } as const);
    if (started.kind === 'spawned') started.agent.attach(listener);
    return started;
  }

  async #startServing(
    slot: Slot,
    more: Readonly<Record<string, string>>,
  ): Promise<Failed | { readonly kind: 'spawned'; readonly agent: PipedProcess }> {
    const { layout, clock } = this.#options;
    const started = await this.#start(slot, ['run'], {
      detached: true,
      env: cleanEnvironment({
        ...more,
        MOULT_PIPE_FD: String(PIPE_FD),
        // By the process itself it could be had only for what is loaded later, and all of it is one file.
        NODE_COMPILE_CACHE: `${layout.compileCacheDir}/${slot.dir}`,
      }),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    if (started.kind === 'failed') return started;
    const { child, pid } = started;
    const pipe = child.stdio[PIPE_FD];
    if (!(pipe instanceof Socket)) throw new Error('no pipe');
    return { kind: 'spawned', agent: new PipedProcess({ child, pid, pipe, clock }) };
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
