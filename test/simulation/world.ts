/*
 * One host, its network and its coordinator, and what goes wrong with them. Everything that happens comes from the
 * scheduler; everything that is left to chance comes from the seed.
 */

import type { LauncherLog } from '@moult/launcher';
import type { Logger } from '@moult/runtime/logger';
import { HostDatabase } from './agent-store.ts';
import { CoordinatorModel } from './coordinator-model.ts';
import { type Fault, isCrash } from './faults.ts';
import { FileSystem } from './file-system.ts';
import { HostClock } from './host-clock.ts';
import { Invariants } from './invariants.ts';
import { LifeLog, type Violation } from './life-log.ts';
import { Network, type ServerEnd, type ServerListener } from './network.ts';
import { SimOwner } from './owner.ts';
import { Scheduler } from './scheduler.ts';
import { SeededRandom } from './seeded-random.ts';
import type { SimProcess } from './sim-process.ts';
import { SimTasks } from './sim-tasks.ts';
import { strike } from './strike.ts';
import type { Tally } from './tally.ts';
import { Unit } from './unit.ts';
import { Releases } from './versions.ts';

/** A wall clock somewhere in 2026. */
const WALL_BEGIN_MS = 1_790_000_000_000;
/** A year: less does not make anything that is signed look expired. */
const CLOCK_MS_OFF_MAX = 365 * 86_400_000;
const EVENTS_KEPT = 60;

/** What a run of a seed found wrong: an invariant's id, and how it showed. */
/** The coordinator as the hosts of a world come to it. */
export interface Door {
  isListening(): boolean;
  accept(end: ServerEnd): ServerListener;
  /** The last permission of this attempt was granted at least once. */
  isSwitchGranted(attemptId: string): boolean;
  /** It was attested, and told to commit. */
  isConfirmed(attemptId: string): boolean;
  /** Its end is durable here. */
  isEndKept(attemptId: string): boolean;
}

/** One host of a fleet: what it shares with the others, and who it is. */
export interface HostPlace {
  readonly name: string;
  readonly instanceId: string;
  readonly scheduler: Scheduler;
  readonly releases: Releases;
  readonly sign: (text: string) => Uint8Array;
  readonly door: () => Door;
}

export interface WorldOptions {
  readonly seed: number;
  /** Absent: a host alone, with a model of its coordinator. */
  readonly place?: HostPlace;
  readonly faults: readonly Fault[];
  readonly tally: Tally;
  readonly say: ((line: string) => void) | null;
}

export class World {
  readonly seed: number;
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly hostClock: HostClock;
  readonly files: FileSystem;
  readonly network: Network;
  readonly coordinator: CoordinatorModel;
  readonly releases: Releases;
  readonly door: Door;
  readonly place: HostPlace | null;
  readonly database: HostDatabase = new HostDatabase();
  readonly invariants: Invariants;
  readonly tasks: SimTasks;
  readonly owner: SimOwner;
  readonly unit: Unit;
  readonly tally: Tally;
  readonly agents = new Map<
    number,
    { readonly process: SimProcess; readonly stop: AbortController }
  >();
  /** Whether an ended launcher takes its agents along, as systemd's KillMode=mixed does. */
  readonly endsLeftovers: boolean;
  lockHolder: SimProcess | null = null;
  bootId = 'boot-1';
  wallOffsetMs = WALL_BEGIN_MS;
  isMetadataAway = false;
  /** How long a refresh takes at least; null: no time to speak of. */
  metadataDelayMs: number | null = null;
  /** The probes of every version hang until they are ended. */
  areProbesHanging = false;
  isDiskSlow = false;
  /** Whatever is written until then waits for it. */
  diskStuckUntilMs = 0;
  diskErrorsDue = 0;
  /** The directory of the boot record cannot be synced: a rename shows, and may not last. */
  isRecordUnsyncable = false;
  /** Of the kind that a program is started with. */
  isOutOfHandles = false;
  /** Everything works again: no fault strikes any more. */
  isMended = false;
  readonly struck: string[] = [];
  #pids = 100;
  #boots = 1;
  readonly #log: LifeLog;
  readonly #due: { readonly fault: Fault; left: number }[];

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.random = new SeededRandom(options.seed, 2);
    this.place = options.place ?? null;
    this.scheduler = this.place?.scheduler ?? new Scheduler(new SeededRandom(options.seed, 3));
    this.releases = this.place?.releases ?? new Releases();
    this.hostClock = new HostClock(this.scheduler);
    this.files = new FileSystem(new SeededRandom(options.seed, 4));
    this.tally = options.tally;
    const { scheduler } = this;
    this.#log = new LifeLog({ scheduler, linesKept: EVENTS_KEPT, say: options.say });
    this.network = new Network(this);
    this.coordinator = new CoordinatorModel(this);
    this.door = this.place?.door() ?? this.coordinator;
    this.invariants = new Invariants(this);
    this.tasks = new SimTasks(this);
    this.owner = new SimOwner(this);
    this.unit = new Unit(this);
    this.endsLeftovers = this.random.chance(0.6);
    this.#due = options.faults
      .filter((fault) => fault.trigger.on === 'point')
      .map((fault) => ({ fault, left: fault.trigger.on === 'point' ? fault.trigger.nth : 0 }));
    for (const fault of options.faults) this.#plan(fault);
  }

  get wallMs(): number {
    return Math.floor(this.wallOffsetMs + this.scheduler.nowMs);
  }

  get isVerbose(): boolean {
    return this.#log.isHeard;
  }

  /** Whether an authenticated answer can be had at all. */
  get isReachable(): boolean {
    const { isMute } = this.coordinator;
    return this.network.opensConnections && this.door.isListening() && !isMute;
  }

  get isMetadataReachable(): boolean {
    return this.network.opensConnections && !this.isMetadataAway && !this.isClockWrong;
  }

  /** Years off: certificates are not valid yet, or metadata and certificates no more. */
  get isClockWrong(): boolean {
    return Math.abs(this.wallOffsetMs - WALL_BEGIN_MS) > CLOCK_MS_OFF_MAX;
  }

  /** What a refresh takes, here and now. */
  refreshMs(): number {
    const quickMs = this.random.spread(5, 2_000);
    return this.metadataDelayMs === null ? quickMs : this.metadataDelayMs + quickMs;
  }

  setClockRight(): void {
    this.wallOffsetMs = WALL_BEGIN_MS;
  }

  get events(): readonly string[] {
    return this.#log.lines;
  }

  nextPid(): number {
    this.#pids += 1;
    return this.#pids;
  }

  nextBoot(): void {
    this.#boots += 1;
    this.tasks.endAll();
    this.bootId = `boot-${this.#boots}`;
  }

  /** Something is about to happen: what is aimed at this strikes now. */
  point(name: string): void {
    this.tally.visited(name);
    if (this.isMended) return;
    for (const due of this.#due) {
      const { trigger } = due.fault;
      if (trigger.on !== 'point' || trigger.name !== name || due.left === 0) continue;
      due.left -= 1;
      if (due.left > 0) continue;
      if (isCrash(due.fault.kind)) this.tally.crashed(name);
      this.#strike(due.fault, name);
    }
  }

  takesDiskError(point: string): boolean {
    if (point === 'record:sync-dir' && this.isRecordUnsyncable) return true;
    if (this.diskErrorsDue === 0) return false;
    this.diskErrorsDue -= 1;
    return true;
  }

  killAgents(): void {
    for (const { process } of [...this.agents.values()]) process.kill();
  }

  get violation(): Violation | null {
    return this.#log.violation;
  }

  fail(invariant: string, message: string): void {
    this.#log.fail(invariant, message);
  }

  /** A program rejected: legal where the world made it so (a full disk), otherwise a defect. */
  crashed(process: SimProcess, error: unknown): void {
    if (!process.isAlive) return;
    this.trace(`${process.name} crashes`, String(error));
    this.invariants.crashed(error);
  }

  trace(what: string, detail?: unknown): void {
    this.#log.trace(what, detail);
  }

  logOf(process: SimProcess): Logger {
    const write = (message: string, fields?: object) =>
      this.trace(`  ${process.name}: ${message}`, fields);
    const logger: Logger = {
      debug: write,
      info: write,
      warn: write,
      error: write,
      child: () => logger,
    };
    return logger;
  }

  launcherLog(process: SimProcess): LauncherLog {
    const write = (message: string, fields?: object) =>
      this.trace(`  ${process.name}: ${message}`, fields);
    return { info: write, warn: write, error: write, forward: write };
  }

  #plan(fault: Fault): void {
    const { trigger } = fault;
    if (trigger.on === 'time') {
      this.scheduler.after(trigger.atMs, () => this.#strike(fault, 'time'));
    }
  }

  /** Between two steps. */
  stepped(faults: readonly Fault[]): void {
    for (const fault of faults) {
      if (fault.trigger.on === 'step' && fault.trigger.step === this.scheduler.steps) {
        this.#strike(fault, 'step');
      }
    }
  }

  #strike(fault: Fault, where: string): void {
    if (this.isMended) return;
    this.trace(`FAULT ${fault.kind}`, { where, durationMs: fault.durationMs });
    this.struck.push(fault.kind);
    this.tally.struck(fault.kind);
    strike(this, fault);
  }
}
