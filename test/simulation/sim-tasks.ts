/*
 * Tasks of a host: orders and a schedule, programs that live and die beside the agent, and what must be true of them.
 * A program outlives the agent that started it, as a real one does; a reboot ends it.
 */
import { CodedError } from '@moult/core/errors';
import type { CommandMessage, FinishMessage, OutputItem, TaskRunMessage } from '@moult/protocol';
import type { AgentPorts, ProgramStart, RunningProgram } from '../../packages/agent/src/ports.ts';
import { SeededRandom } from './seeded-random.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

const CONCURRENCY = { once: 2, again: 1, hourly: 1 } as const;
type TaskName = keyof typeof CONCURRENCY;

const TASKS_YAML = `tasks:
  once: { program: /bin/once, concurrency: ${CONCURRENCY.once}, time-limit: 10m }
  again: { program: /bin/again, idempotent: true }
  hourly: { program: /bin/hourly, schedule: "0 0 * * * *" }
`;
const ORDERED = ['once', 'again'] as const;
const STARTS_MAX: Readonly<Record<TaskName, number>> = { once: 1, again: 3, hourly: 1 };
/** In these no task may start (H5). */
const UPGRADING: ReadonlySet<string> = new Set(['draining', 'switching', 'rolling-back']);
const LIFE_MS_MAX = 1_200_000;
const PIECES_MAX = 4;

export interface TaskRow {
  readonly commandId: string;
  readonly task: TaskName;
  isAccepted: boolean;
  isRevoked: boolean;
  readonly ends: FinishMessage[];
}

interface Living {
  readonly task: string;
  readonly end: (by: { readonly exitCode: number | null; readonly signal: string | null }) => void;
}

export class SimTasks {
  readonly rows: TaskRow[] = [];
  readonly #world: World;
  readonly #random: SeededRandom;
  /** Of the owner of the host. */
  readonly drainLimitMs: number | null;
  readonly #isAllowed: boolean;
  readonly #living = new Map<string, Living>();
  readonly #starts = new Map<string, number>();
  /** Pieces that the program of a run wrote since its last start, and those of them that arrived. */
  readonly #written = new Map<string, number>();
  readonly #arrived = new Map<string, number>();
  readonly #said = new Map<string, TaskRunMessage>();

  constructor(world: World) {
    this.#world = world;
    this.#random = new SeededRandom(world.seed, 6);
    this.#isAllowed = world.place === null && this.#random.chance(0.5);
    this.drainLimitMs = this.#random.chance(0.5) ? 60_000 : null;
  }

  /** Times from now on at which a task is ordered. */
  planned(untilMs: number): readonly number[] {
    if (!this.#isAllowed) return [];
    const count = Number(this.#random.weighted({ 0: 1, 3: 2, 9: 2 }));
    return Array.from({ length: count }, () => this.#random.spread(1_000, untilMs));
  }

  order(): void {
    const task = this.#random.pick(ORDERED);
    const commandId = `task-${this.rows.length + 1}`;
    this.rows.push({ commandId, task, isAccepted: false, isRevoked: false, ends: [] });
    this.#world.trace('ordered', { command: commandId, task });
  }

  /** What a check is answered with. */
  due(): readonly CommandMessage[] {
    return this.rows
      .filter((row) => row.ends.length === 0 && !row.isAccepted && !row.isRevoked)
      .map(({ commandId, task }) => ({
        commandId,
        attempt: 1,
        notAfterMs: Number.MAX_SAFE_INTEGER,
        generation: 1,
        position: 2,
        task: { name: task, parameters: [] },
      }));
  }

  accepted(commandId: string): void {
    const row = this.#rowOf(commandId);
    if (row !== null) row.isAccepted = true;
  }

  finished(finish: FinishMessage): void {
    const row = this.#rowOf(finish.commandId);
    if (row === null) return;
    const { commandId, ends, isRevoked } = row;
    const { outcome, code } = finish;
    ends.push(finish);
    this.#world.tally.ended(`task ${row.task}: ${outcome} ${code}`);
    const isRepeated = this.#world.struck.includes('coordinator-repeating');
    const isOther = ends.some((end) => end.outcome !== outcome || end.code !== code);
    if (isOther || (ends.length > 1 && !isRepeated)) {
      this.#world.fail('K4', `${commandId} has ${ends.length} ends: ${JSON.stringify(ends)}`);
    }
    const isTakenBack = outcome === 'denied' || code === 'task-cancelled';
    if (isTakenBack && !isRevoked) this.#world.fail('K4', `nobody took ${commandId} back`);
    if (code === 'task-not-listed' || code === 'tasks-file-invalid') {
      this.#world.fail('K1', `${commandId} ends with ${code}`);
    }
  }

  /** An item of the output, each once and in order. */
  took(item: OutputItem): void {
    if (item.item === 'taskRun') this.#saidOf(item.taskRun);
    if (item.item !== 'record') return;
    const { run, content } = item.record;
    const [start, index] = Buffer.from(content).toString().split(' ').map(Number);
    const key = `${run} ${start}`;
    const expected = this.#arrived.get(key) ?? 0;
    // What is too old is dropped, and a gap says so.
    const isAged = this.#world.struck.includes('clock-forward');
    if (index !== expected && !isAged) {
      this.#world.fail('K7', `of ${run} piece ${index} arrived where ${expected} was due`);
    }
    this.#arrived.set(key, expected + 1);
  }

  #saidOf(now: TaskRunMessage): void {
    const { run, starts, endedMs, outcome } = now;
    const before = this.#said.get(run);
    this.#said.set(run, now);
    if (before !== undefined && before.endedMs > 0) {
      this.#world.fail('K4', `of ${run} something is said after its end`);
    }
    if (starts < (before?.starts ?? 1)) this.#world.fail('K4', `${run} counts back its starts`);
    if (outcome !== 'succeeded' || endedMs === 0) return;
    const key = `${run} ${starts}`;
    const written = this.#written.get(key) ?? 0;
    const arrived = this.#arrived.get(key) ?? 0;
    if (written !== arrived && !this.#world.struck.includes('clock-forward')) {
      this.#world.fail('K7', `${run} wrote ${written} pieces before its end, ${arrived} arrived`);
    }
  }

  /** The upgrade record is about to be what it says. */
  saving(state: unknown): void {
    const { kind } = state as { readonly kind: string };
    const [run] = this.#living.keys();
    if (kind === 'switching' && run !== undefined) {
      this.#world.fail('K12', `the agent switches while ${run} is running`);
    }
  }

  /** The machine starts anew, or whatever ends the launcher's leftovers. */
  endAll(): void {
    for (const { end } of [...this.#living.values()]) end({ exitCode: null, signal: 'SIGKILL' });
  }

  /** Why the host is not at rest; null: it is. `isUp`: tasks may start. */
  unrest(isUp: boolean): string | null {
    const open = this.rows.find(
      ({ ends, isAccepted, isRevoked }) => ends.length === 0 && (isAccepted || !isRevoked),
    );
    if (open !== undefined && isUp) return `${open.commandId} has no end`;
    const untold = [...this.#said.values()].find(({ endedMs }) => endedMs === 0);
    // One that a crash cut off waits to be begun again.
    if (untold !== undefined && isUp) return `${untold.run} has started, and is not over`;
    return null;
  }

  ports(process: SimProcess): Pick<AgentPorts, 'tasksFile' | 'programs'> {
    const isAllowed = this.#isAllowed;
    return {
      tasksFile: {
        stamp: async () => (isAllowed ? 'the list' : ''),
        read: async () => (isAllowed ? TASKS_YAML : null),
      },
      programs: {
        start: async (program) => {
          // When it is decided: what begins while it is on its way waits for it.
          const { kind } = this.#world.database.upgradeState();
          // A dead process computes up to its next wait, and starts nothing.
          if (process.isRunning && UPGRADING.has(kind))
            this.#world.fail('K6', `${program.run} starts in ${kind}`);
          await process.pause(this.#random.spread(1, 50));
          if (!this.#world.isOutOfHandles) return this.#start(process, program);
          throw new CodedError('task-not-started', `${program.program}: no handles`);
        },
        endLeft: async ({ run }) => {
          await process.pause(this.#random.spread(1, 50));
          this.#living.get(run)?.end({ exitCode: null, signal: 'SIGKILL' });
        },
      },
    };
  }

  #start(process: SimProcess, { run, task }: ProgramStart): RunningProgram {
    const starts = (this.#starts.get(run) ?? 0) + 1;
    this.#starts.set(run, starts);
    this.#expectMayStart(run, task as TaskName, starts);
    const key = `${run} ${starts}`;
    const isDeaf = this.#random.chance(0.1);
    let isOver = false;
    const atEnd: (() => void)[] = [];
    const ended = new Promise<{ exitCode: number | null; signal: string | null }>((resolve) => {
      this.#living.set(run, {
        task,
        end: (by) => {
          if (isOver) return;
          isOver = true;
          this.#living.delete(run);
          this.#world.trace(`the program of ${run} ended`, by);
          process.after(0, () => resolve(by));
          for (const told of atEnd) process.after(0, told);
        },
      });
    });
    const living = this.#living.get(run);
    const exitCode = this.#random.chance(0.8) ? 0 : 1;
    this.#world.hostClock.after(this.#random.spread(5, LIFE_MS_MAX), () =>
      living?.end({ exitCode, signal: null }),
    );
    const count = this.#random.between(0, PIECES_MAX);
    const write = async function* (tasks: SimTasks): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < count; index++) {
        await process.pause(tasks.#random.spread(1, 60_000));
        if (isOver) return;
        tasks.#written.set(key, index + 1);
        yield Buffer.from(`${starts} ${index}`);
      }
      if (!isOver) await new Promise<void>((resolve) => atEnd.push(resolve));
    };
    return {
      pid: 1,
      leader: { pid: 1, startTime: '1', bootId: this.#world.bootId },
      output: [{ stream: 'stdout', chunks: write(this) }],
      ended,
      signal: (name) => {
        if (name === 'SIGTERM' && isDeaf) return;
        this.#world.hostClock.after(1, () => living?.end({ exitCode: null, signal: name }));
      },
    };
  }

  #expectMayStart(run: string, task: TaskName, starts: number): void {
    const world = this.#world;
    if (this.#living.has(run)) world.fail('K8', `${run} starts, and is still running`);
    const beside = [...this.#living.values()].filter((one) => one.task === task).length;
    if (beside >= CONCURRENCY[task]) world.fail('K5', `${run} is one of ${beside + 1} at once`);
    if (starts > STARTS_MAX[task]) world.fail('K8', `${run} is started for the ${starts}th time`);
  }

  #rowOf(commandId: string): TaskRow | null {
    return this.rows.find((row) => row.commandId === commandId) ?? null;
  }
}
