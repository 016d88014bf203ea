/*
 * Runs of tasks, from the order or the schedule to the end that is told.
 *
 *   inbox, schedule ─► queue ─startable (core)─► journal + "started" ─► program ─► "over" + finish, out of the journal
 *                        ▲                                                │ crash of the agent
 *                        └──────────────── idempotent ────────────────────┘
 *
 * Everything that may change what can start (an order, an end, the state, the list of tasks) makes it look again. K4:
 * what is durable comes first: the journal before the program, the end before anybody forgets the run.
 */
import { actionAnswer } from '@moult/core/agent-actions';
import { isInProbation, taskStateOf } from '@moult/core/agent-state';
import { type CodedError, codedErrorFrom } from '@moult/core/errors';
import { afterCrash, boundArguments, startable } from '@moult/core/task';
import { attemptIdOf, type UpgradeState } from '@moult/core/upgrade';
import type { AgentFrame, CommandMessage, TaskOffer } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { type AgentStore, isDiskTrouble, type TaskRunRow } from '../database/index.ts';
import type { OutputIntake } from '../output/intake.ts';
import type { Programs, TasksFile, Timetable } from '../ports.ts';
import { plainFinish } from '../upgrade/finish.ts';
import { Bell, pause } from '../waiting.ts';
import { endOf, startOf } from './messages.ts';
import { dueRow, isOrdered, orderedRow } from './rows.ts';
import { Run } from './run.ts';
import { Schedules } from './schedules.ts';
import { offersOf, TaskList } from './task-list.ts';
import { Telling } from './telling.ts';

export interface TasksOptions {
  readonly store: AgentStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly programs: Programs;
  readonly tasksFile: TasksFile;
  readonly timetable: Timetable;
  readonly intake: OutputIntake;
  readonly drainLimitMs: number | null;
  readonly upgrade: () => UpgradeState;
  readonly isWorldBroken: () => boolean;
  /** How long this process has when it ends. */
  readonly graceMs: () => number;
  /** Something else waits until no task runs, so that none may start. */
  readonly isHeld: () => boolean;
  readonly send: (frame: AgentFrame) => boolean;
  /** What the agent says of itself has changed, or others may go on. */
  readonly onChange: () => void;
  /** There is something new to deliver. */
  readonly onOutput: () => void;
  readonly onDefect: (error: unknown) => void;
}

/** A disk that does not take the journal needs time more than haste. */
const AGAIN_MS = 5_000;
/** K13: for programs that this process ends before it does, if it has so much time itself. */
const STOP_MS = 15_000;
/** From SIGKILL to the end of this process: what the kernel itself cannot end is not waited for. */
const KILLED_MS = 3_000;

interface Under {
  readonly row: TaskRunRow;
  readonly run: Run;
  readonly over: Promise<void>;
}

export class Tasks {
  readonly #options: TasksOptions;
  readonly #list: TaskList;
  readonly #schedules: Schedules;
  readonly #looked = new Bell();
  /** A run is over, or what was said of those that run has to be said again. */
  readonly #ended = new Bell();
  /** In the order in which they came. */
  #queue: TaskRunRow[] = [];
  readonly #running = new Map<string, Under>();
  readonly #telling: Telling;
  /** Runs of a schedule that were left out since one of it started last, by task. */
  readonly #skipped = new Map<string, number>();
  #isReady = false;
  #isDue = true;
  #stop: AbortSignal | null = null;

  constructor(options: TasksOptions) {
    this.#options = options;
    this.#telling = new Telling(options.send);
    this.#list = new TaskList({ ...options, file: options.tasksFile });
    this.#schedules = new Schedules({ ...options, onDue: (task) => this.#onDue(task) });
  }

  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  get offers(): readonly TaskOffer[] {
    return offersOf(this.#list.tasks);
  }

  get configurationTrouble(): string {
    return this.#list.trouble;
  }

  /** Something may have changed that a run waits for. */
  look(): void {
    this.#isDue = true;
    this.#looked.ring();
  }

  /** A new session knows nothing of what was told before. */
  onLive(): void {
    this.#telling.onLive();
    this.#ended.ring();
    this.look();
  }

  /** Until the signal aborts and what ran is over. */
  async run(signal: AbortSignal): Promise<void> {
    this.#stop = signal;
    await this.#list.begin();
    await this.#patiently(signal, () => this.#settleLeft());
    this.#isReady = true;
    this.#ended.ring();
    this.#onList();
    const reading = this.#list.run(signal, () => this.#onList());
    while (!signal.aborted) {
      await this.#patiently(signal, async () => {
        this.#isDue = false;
        this.#lookNow();
      });
      if (!this.#isDue) await this.#looked.next(signal).catch(() => undefined);
    }
    this.#schedules.stop();
    await reading;
    await this.#endAll();
  }

  /**
   * Resolves when no run is under way; whoever asks sees to it that none starts. After the drain limit those that run
   * are asked to end, then made to.
   */
  async quiet(
    why: 'upgrade' | 'restart',
    options: { readonly signal: AbortSignal; readonly onBusy: () => void },
  ): Promise<void> {
    const { signal } = options;
    const { drainLimitMs, clock } = this.#options;
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    if (drainLimitMs !== null) {
      void pause(clock, drainLimitMs, either).then((isOver) => {
        if (isOver) for (const { run } of this.#running.values()) run.end(why);
      });
    }
    try {
      await this.idle(options);
    } finally {
      over.abort();
    }
  }

  /** Resolves when no run is under way. Others may start until then, and none is ended for it. */
  async idle(options: {
    readonly signal: AbortSignal;
    readonly onBusy: () => void;
  }): Promise<void> {
    while (!this.#isReady || this.isBusy) {
      if (this.isBusy) options.onBusy();
      await this.#ended.next(options.signal);
    }
  }

  /** An order was taken back. False: its run has not begun, or is none of a task. */
  takenBack(ref: Pick<CommandMessage, 'commandId' | 'attempt'>): boolean {
    const id = attemptIdOf(ref);
    const under = this.#running.get(id);
    if (under !== undefined) {
      under.run.end('cancelled');
      return true;
    }
    const row = this.#queue.find(({ run }) => run === id);
    if (row === undefined || row.starts === 0) return false;
    // A crash cut it off and it was to begin again.
    this.#queue = this.#queue.filter(({ run }) => run !== id);
    this.#over(row, { code: 'task-cancelled', message: 'it was cancelled before it began again' });
    return true;
  }

  /** K8: what another process of the agent has left behind. */
  async #settleLeft(): Promise<void> {
    const { store, programs, log } = this.#options;
    const waiting = new Set(store.inbox.waiting().map(attemptIdOf));
    for (const row of store.taskRuns.list()) {
      const { run, task, starts } = row;
      if (this.#queue.some((one) => one.run === run)) continue;
      if (starts > 0) await programs.endLeft(row);
      const definition = this.#list.tasks.get(task) ?? null;
      const isWanted = !isOrdered(row) || waiting.has(run);
      if (isWanted && (starts === 0 || afterCrash({ definition, starts }) === 'start-again')) {
        if (starts > 0) log.warn('a task that a crash cut off is begun again', { run, starts });
        this.#queue.push(row);
        continue;
      }
      const message = 'the agent ended while it ran';
      this.#over(row, { code: 'outcome-unknown', message });
    }
  }

  #onList(): void {
    this.#schedules.use(this.#list.tasks);
    this.#options.onChange();
    this.look();
  }

  #onDue(task: string): void {
    const { store, clock, log } = this.#options;
    const isOfTask = (row: TaskRunRow) => row.task === task;
    const waiting = this.#queue.filter((row) => isOfTask(row) && !isOrdered(row)).length;
    const running = [...this.#running.values()].filter(({ row }) => isOfTask(row)).length;
    const concurrency = this.#list.tasks.get(task)?.concurrency ?? 0;
    if (this.#stop?.aborted !== false || waiting + running >= concurrency) {
      // K10: never piled up; the first of them is said, and how many there were when one starts again.
      const count = (this.#skipped.get(task) ?? 0) + 1;
      this.#skipped.set(task, count);
      if (count === 1) log.warn('a task is due and its last run is not over: left out', { task });
      return;
    }
    const row = dueRow(task, clock.nowMs());
    if (this.#queue.some(({ run }) => run === row.run) || this.#running.has(row.run)) return;
    try {
      store.taskRuns.due(row);
    } catch (error) {
      if (!isDiskTrouble(error)) throw error;
      log.error('a task is due and cannot be written down: left out', { task });
      return;
    }
    this.#queue.push(row);
    this.look();
  }

  #lookNow(): void {
    const { store, upgrade, isHeld, isWorldBroken } = this.#options;
    const orders = store.inbox.waiting().filter((command) => command.task);
    const open = new Set(orders.map(attemptIdOf));
    this.#queue = this.#queue.filter((row) => !isOrdered(row) || open.has(row.run));
    const known = new Set([...this.#queue.map(({ run }) => run), ...this.#running.keys()]);
    for (const command of orders) {
      if (!known.has(attemptIdOf(command))) this.#queue.push(orderedRow(command));
    }
    const state = taskStateOf(upgrade(), store.condition.read(), isWorldBroken());
    const facts = { state, isInProbation: isInProbation(upgrade()) };
    const ready = startable({
      ...facts,
      waiting: this.#queue,
      running: [...this.#running.values()].map(({ row }) => row),
      definitions: this.#list.tasks,
    });
    if (!isHeld()) for (const row of ready) this.#start(row);
    const answer = actionAnswer('task', facts);
    this.#telling.tell({
      waiting: this.#queue,
      reason: 'reason' in answer ? answer.reason : 'busy',
      running: [...this.#running.values()].map(({ row }) => row),
    });
  }

  #start(row: TaskRunRow): void {
    const { store, clock, log, onChange, onOutput } = this.#options;
    const definition = this.#list.tasks.get(row.task);
    if (definition === undefined) {
      const isUnread = this.#list.tasks.size === 0 && this.#list.trouble !== '';
      this.#refuse(row, {
        code: isUnread ? 'tasks-file-invalid' : 'task-not-listed',
        message: isUnread ? this.#list.trouble : `this host lists no task ${row.task}`,
      });
      return;
    }
    const bound = boundArguments(definition, row.parameters);
    if (bound.kind === 'invalid') {
      this.#refuse(row, { code: 'task-parameters-invalid', message: bound.message });
      return;
    }
    const begun = { ...row, starts: row.starts + 1, startedMs: clock.nowMs(), leader: null };
    // K4: before the program is started.
    store.taskRuns.started(begun, startOf(begun));
    this.#queue = this.#queue.filter(({ run }) => run !== row.run);
    log.info('a task starts', { task: row.task, run: row.run, starts: begun.starts });
    this.#saySkipped(row);
    const run = new Run({
      ...this.#options,
      run: row.run,
      definition,
      args: bound.args,
      onLed: (leader) => this.#onLed(begun, leader),
    });
    const over = this.#carryOut(begun, run, definition.timeLimitMs).catch(this.#options.onDefect);
    this.#running.set(row.run, { row: begun, run, over });
    onChange();
    onOutput();
  }

  async #carryOut(row: TaskRunRow, run: Run, timeLimitMs: number): Promise<void> {
    const { log, onChange } = this.#options;
    const end = await run.carryOut();
    const { said, finish } = endOf({ row, end, timeLimitMs, nowMs: this.#options.clock.nowMs() });
    const { outcome, code, exitCode, signal } = said;
    log.info('a task is over', { task: row.task, run: row.run, outcome, code, exitCode, signal });
    // Not written down when the process ends: whoever comes next finds the row, and says that nobody knows (K8).
    await this.#patiently(this.#stop ?? AbortSignal.abort(), async () => {
      this.#options.store.taskRuns.over(said, finish);
    });
    this.#running.delete(row.run);
    this.#ended.ring();
    this.#options.onOutput();
    onChange();
    this.look();
  }

  #onLed(row: TaskRunRow, leader: Parameters<AgentStore['taskRuns']['led']>[1]): void {
    try {
      this.#options.store.taskRuns.led(row.run, leader);
    } catch (error) {
      // What is left of it could be found by its environment still.
      if (!isDiskTrouble(error)) throw error;
    }
  }

  /** Its end without a program: it was started before, and will not be again. */
  #over(row: TaskRunRow, failure: Failure): void {
    const { store, clock, log, onOutput } = this.#options;
    const { said, finish } = endOf({ row, failure, nowMs: clock.nowMs() });
    store.taskRuns.over(said, finish);
    log.warn('a task is over', { task: row.task, run: row.run, ...failure });
    onOutput();
  }

  /** K3: nothing of it has run, unless it was cut off and the list has changed since. */
  #refuse(row: TaskRunRow, failure: Failure): void {
    const { store, log, onOutput } = this.#options;
    if (row.starts > 0) this.#over(row, { ...failure, code: 'outcome-unknown' });
    else if (isOrdered(row)) {
      store.inbox.finish(plainFinish(row, { outcome: 'failed', ...failure }));
      onOutput();
    } else store.taskRuns.dropped(row.run);
    this.#queue = this.#queue.filter(({ run }) => run !== row.run);
    log.warn('a task cannot be started', { task: row.task, run: row.run, ...failure });
  }

  #saySkipped({ task }: TaskRunRow): void {
    const count = this.#skipped.get(task) ?? 0;
    this.#skipped.delete(task);
    if (count > 0) this.#options.log.warn('runs of a schedule were left out', { task, count });
  }

  /** An ordered stop, or whatever else ends this process. */
  async #endAll(): Promise<void> {
    const { clock } = this.#options;
    const running = [...this.#running.values()];
    if (running.length === 0) return;
    const stopMs = Math.max(0, Math.min(STOP_MS, this.#options.graceMs() - KILLED_MS));
    for (const { run } of running) run.end('agent-stops', stopMs);
    const over = new AbortController();
    const limit = pause(clock, stopMs + KILLED_MS, over.signal).then(() => {
      for (const { run } of running) run.giveUpOutput();
    });
    await Promise.race([Promise.all(running.map((under) => under.over)), limit]);
    over.abort();
  }

  /** Tries again, after a while, what the disk did not take; gives up when the signal aborts. */
  async #patiently(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    for (;;) {
      try {
        await work();
        return;
      } catch (error) {
        if (!isDiskTrouble(error)) throw error;
        const { message } = codedErrorFrom(error);
        log.warn('what is known of tasks cannot be written down', { message });
        if (!(await pause(clock, AGAIN_MS, signal))) return;
      }
    }
  }
}

type Failure = Pick<CodedError, 'code' | 'message'>;
