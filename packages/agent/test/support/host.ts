import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentPipeMessage, LauncherPipeMessage, Slot, Spawned } from '@moult/core/boot';
import { type Keeping, NO_CHANGES, type SlotChanges } from '@moult/core/changed-files';
import { CodedError } from '@moult/core/errors';
import type { Manifest } from '@moult/core/manifest';
import { scheduleTrouble } from '@moult/runtime/cron';
import type { Logger } from '@moult/runtime/logger';
import { silentLogger } from '@moult/runtime/logger';
import type { Random } from '@moult/runtime/random';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { createAgent } from '../../src/agent.ts';
import { openStore } from '../../src/database/index.ts';
import type { OwnerAsk } from '../../src/owner/asks.ts';
import type {
  AgentPorts,
  LauncherChannel,
  LauncherListener,
  TrustedRelease,
} from '../../src/ports.ts';
import { createPrograms } from '../../src/tasks/programs.ts';
import { createTasksFile } from '../../src/tasks/tasks-file.ts';
import { FakeCoordinator } from './fake-coordinator.ts';

export const OLD: Slot = slotOf('1.0.0', 'a');
export const NEW: Slot = slotOf('1.1.0', 'b');
export const LAUNCHER: Slot = slotOf('0.9.0', 'c');

export function slotOf(version: string, digit: string): Slot {
  return { version, digest: digit.repeat(64), dir: `${version}-${digit.repeat(8)}` };
}

export function manifestOf(slot: Slot, more: Partial<Manifest> = {}): Manifest {
  return {
    format: 1,
    component: 'agent',
    version: slot.version,
    platform: 'linux-x64',
    program: 'bin/node',
    script: 'lib/agent.cjs',
    files: [
      { path: 'bin/node', sha256: '1'.repeat(64), length: 100, executable: true },
      { path: 'lib/agent.cjs', sha256: '2'.repeat(64), length: 10, executable: false },
    ],
    minimumLauncher: null,
    stateSchema: 1,
    readableSince: 1,
    probationMs: 60_000,
    irreversible: false,
    rehearses: false,
    ...more,
  };
}

type Components = Spawned['components'];

export function components(more: Partial<Components> = {}): Components {
  const empty = { committed: null, previous: null, trialAttemptId: null, refused: [] };
  return { agent: { ...empty, committed: OLD }, launcher: empty, ...more };
}

/** The launcher's end of the pipe, in memory. */
export class FakeLauncher {
  readonly posted: AgentPipeMessage[] = [];
  /** Answers a request; null: says nothing. */
  answer: (message: AgentPipeMessage & { readonly id: number }) => LauncherPipeMessage | null = (
    message,
  ) => ({ kind: 'done', id: message.id });
  #listener: LauncherListener | null = null;
  readonly #early: LauncherPipeMessage[] = [];

  channel(): LauncherChannel {
    return {
      post: (message) => {
        this.posted.push(message);
        if (!('id' in message) || message.kind === 'dialled') return;
        const answer = this.answer(message);
        if (answer !== null) queueMicrotask(() => this.say(answer));
      },
      listen: (listener) => {
        this.#listener = listener;
        for (const message of this.#early.splice(0)) listener.onMessage(message);
      },
      close: () => undefined,
    };
  }

  say(message: LauncherPipeMessage): void {
    if (this.#listener === null) this.#early.push(message);
    else this.#listener.onMessage(message);
  }

  end(): void {
    this.#listener?.onClosed();
  }

  requests(kind: AgentPipeMessage['kind']): AgentPipeMessage[] {
    return this.posted.filter((message) => message.kind === kind);
  }
}

let seed = 0;
const countingRandom: Random = {
  fraction: () => 0.5,
  bytes: (count) => {
    seed += 1;
    return new Uint8Array(count).map((_, index) => (seed * 31 + index * 7) % 256);
  },
};

/** One host: its disk (a real directory with a real agent.db) outlives the agents that are started on it. */
export class TestHost {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'moult-agent-'));
  readonly clock = new ManualClock();
  readonly coordinator = new FakeCoordinator();
  readonly released = new Map<string, TrustedRelease>();
  freeBytes = 10 * 1024 ** 3;
  slotsTrouble: string | null = null;
  /** Thrown by whoever asks how full the disk is. */
  diskError: Error | null = null;
  trustTrouble: CodedError | null = null;
  stageTrouble: Error | null = null;
  blobTrouble: CodedError | null = null;
  dropStamp = '';
  log: Logger = silentLogger;
  readonly removed: string[] = [];
  /** Versions, in their order. */
  readonly staged: string[] = [];
  /** Slots that somebody has changed, by their directory. */
  readonly changed = new Map<string, SlotChanges>();
  kept: readonly Keeping[] = [];
  slotDirs: Record<string, string[]> = { agent: [], launcher: [] };
  recordedDirs: ReadonlySet<string> | null = new Set();
  readonly schedules: { expression: string; work: () => void; timeZone?: string | undefined }[] =
    [];
  /** Expressions of schedules that were stopped. */
  readonly stopped: string[] = [];
  /** Changes the ports of the agents that are started from now on. */
  adjust: (ports: AgentPorts) => AgentPorts = (ports) => ports;

  constructor() {
    this.coordinator.nowMs = () => this.clock.nowMs();
    for (const slot of [OLD, NEW]) this.release(slot);
  }

  ownerText: string | null = null;
  locks: readonly string[] = [];
  /** Of the agent that was started last. */
  askOwner: (ask: OwnerAsk, signal?: AbortSignal) => Promise<unknown> = () =>
    Promise.reject(new Error('no agent serves'));
  isPreflightOff = false;
  drainLimitMs: number | null = null;

  /** A file of what runs is another one, and no repository has its release any more. */
  loseFallback(): void {
    const file = {
      path: 'bin/node',
      how: 'changed',
      sha256: null,
      bytes: 1,
      modifiedMs: 1,
    } as const;
    this.changed.set(OLD.dir, { files: [file], count: 1 });
    this.released.delete(`agent ${OLD.version}`);
  }

  get tasksPath(): string {
    return join(this.dir, 'tasks.yaml');
  }

  get databasePath(): string {
    return join(this.dir, 'agent.db');
  }

  release(slot: Slot, more: Partial<Manifest> = {}): void {
    const manifest = manifestOf(slot, more);
    this.released.set(`${manifest.component} ${slot.version}`, {
      manifest,
      digest: slot.digest,
      proof: null,
    });
  }

  store(): ReturnType<typeof openStore> {
    return openStore({
      path: this.databasePath,
      sessionCopyPath: join(this.dir, 'session.json'),
      clock: this.clock,
      random: countingRandom,
    });
  }

  ports(launcher: LauncherChannel): AgentPorts {
    return this.adjust({
      clock: this.clock,
      random: countingRandom,
      log: this.log,
      self: {
        instanceId: 'instance-1',
        agentName: 'web-1',
        platform: 'linux-x64',
        bootId: 'boot-1',
        labels: {},
        facts: [{ name: 'host', value: 'web-1' }],
        bindsChannel: false,
        sign: (text) => new TextEncoder().encode(text.slice(0, 64).padEnd(64)),
      },
      launcher,
      transport: this.coordinator,
      trust: {
        refresh: async () => {
          if (this.trustTrouble !== null) throw this.trustTrouble;
        },
        release: async ({ component, version }) => {
          if (this.trustTrouble !== null) throw this.trustTrouble;
          const release = this.released.get(`${component} ${version}`);
          if (release === undefined) throw new CodedError('release-unknown', `no ${version}`);
          return release;
        },
      },
      slots: {
        plan: async (release) => ({
          filesToWrite: release.manifest.files.length,
          bytesToWrite: release.manifest.files.reduce((sum, file) => sum + file.length, 0),
        }),
        lacking: async () => ({
          ...{ count: 1, bytes: 10, from: 'https://coordinator', asked: 1 },
          trouble: this.blobTrouble,
        }),
        stage: async (release, { onProgress }) => {
          if (this.stageTrouble !== null) throw this.stageTrouble;
          this.staged.push(release.manifest.version);
          onProgress({ bytesDone: 10, bytesTotal: 110 });
          const { version } = release.manifest;
          const dir = `${version}-${release.digest.slice(0, 8)}`;
          return {
            slot: { version, digest: release.digest, dir },
            bytesFetched: 10,
            bytesTotal: 110,
          };
        },
        manifestOf: async (component, slot) =>
          this.released.get(`${component} ${slot.version}`)?.manifest ?? null,
        list: async (component) => this.slotDirs[component] ?? [],
        changesOf: async (_component, slot) => this.changed.get(slot.dir) ?? NO_CHANGES,
        keepings: async () => this.kept,
        remove: async (component, dir) => void this.removed.push(`${component}/${dir}`),
        clearStaging: async () => undefined,
        recordedDirs: async () => this.recordedDirs,
      },
      disk: {
        freeForSlots: async () => {
          if (this.diskError !== null) throw this.diskError;
          return { bytes: this.freeBytes, inodes: 1_000_000 };
        },
        slotsTrouble: async () => this.slotsTrouble,
        dropStamp: async () => this.dropStamp,
      },
      timetable: {
        start: (expression, work, timeZone) => {
          const schedule = { expression, work, timeZone };
          this.schedules.push(schedule);
          return {
            stop: () => {
              const index = this.schedules.indexOf(schedule);
              if (index < 0) return;
              this.schedules.splice(index, 1);
              this.stopped.push(expression);
            },
          };
        },
        trouble: async ({ cron, timeZone }) => scheduleTrouble(cron, timeZone),
      },
      tasksFile: createTasksFile(this.tasksPath, process.geteuid?.() ?? null),
      outputSocket: { run: async () => undefined },
      ownerFiles: {
        wordPath: 'owner.json',
        readWord: async () => this.ownerText,
        writeWord: async (text) => {
          this.ownerText = text;
        },
        locks: async () => this.locks,
      },
      ownerSocket: {
        run: async (desk) => {
          this.askOwner = (ask, signal = AbortSignal.any([])) => desk(ask, signal);
        },
      },
      programs: createPrograms({
        clock: this.clock,
        bootId: 'boot-1',
        outputSocketPath: join(this.dir, 'output.sock'),
      }),
      drainLimitMs: this.drainLimitMs,
      isPreflightOff: this.isPreflightOff,
      openStore: () => this.store(),
    });
  }

  /** Starts an agent process on this host; `spawned` is said at once unless null. */
  boot(spawned: Partial<Spawned> | null = {}): Booted {
    const launcher = new FakeLauncher();
    const stop = new AbortController();
    if (spawned !== null) {
      launcher.say({
        kind: 'spawned',
        pipe: 1,
        launcherVersion: '0.9.0',
        launcherDigest: null,
        slot: OLD,
        components: components(),
        ...spawned,
      });
    }
    const agent = createAgent(this.ports(launcher.channel()));
    const booted: Booted = {
      launcher,
      stop: () => stop.abort(new Error('stopped by the test')),
      exit: undefined,
      error: undefined,
      ended: Promise.resolve(),
    };
    const ended = agent.run(stop.signal).then(
      (code) => {
        booted.exit = code;
      },
      (error: unknown) => {
        booted.error = error;
      },
    );
    return Object.assign(booted, { ended });
  }
}

export interface Booted {
  readonly launcher: FakeLauncher;
  readonly stop: () => void;
  exit: number | undefined;
  error: unknown;
  readonly ended: Promise<void>;
}
