/*
 * Commands as they come and end. All of them are durable before they are accepted (U8). Upgrades are found in the inbox
 * by the upgrade machine; what this process does by itself (pause, resume, clear, restart) is done here at once, also
 * beside an upgrade that is on its way, or waits for the state that core's table wants (A1).
 */
import { actionAnswer } from '@moult/core/agent-actions';
import { isInProbation, reportedStateOf } from '@moult/core/agent-state';
import { type ControlKind, isControlKind } from '@moult/core/command';
import { codedErrorFrom, type ErrorCode } from '@moult/core/errors';
import { type AgentCondition, attemptIdIn, type UpgradeState } from '@moult/core/upgrade';
import type { AgentFrame, CommandMessage, FinishMessage } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { type AgentStore, isDiskTrouble, type Stored } from './database/index.ts';
import { plainFinish } from './upgrade/finish.ts';
import { Bell, pause } from './waiting.ts';

export interface CommandsOptions {
  readonly store: AgentStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly upgrade: () => UpgradeState;
  readonly tasks: {
    readonly isBusy: () => boolean;
    readonly quiet: (options: {
      readonly signal: AbortSignal;
      readonly onBusy: () => void;
    }) => Promise<void>;
    /** False: none of its runs has begun. */
    readonly takenBack: (ref: AttemptRef) => boolean;
  };
  readonly send: (frame: AgentFrame) => boolean;
  /** A command lies in the inbox. */
  readonly onOrdered: () => void;
  /** What the agent says of itself has changed. */
  readonly onCondition: () => void;
  /** There is something new to deliver. */
  readonly onOutput: () => void;
  /** This process makes way for another of the same version. */
  readonly onRestart: () => void;
}

type AttemptRef = Pick<CommandMessage, 'commandId' | 'attempt'>;

/** Which restart this process was ended for: a frozen name, read by the process after it, of whatever version. */
const RESTART_PENDING = 'restart-pending';
const EFFECTS: Readonly<Record<Exclude<ControlKind, 'restart'>, Partial<AgentCondition>>> = {
  pause: { isPaused: true },
  resume: { isPaused: false },
  clear: { failedUpgrade: null },
};
/** A disk that does not take a command's end needs time more than haste. */
const AGAIN_MS = 5_000;

export class Commands {
  readonly #options: CommandsOptions;
  readonly #looked = new Bell();
  #isDue = true;
  #isRestartWaiting = false;
  /** Ends the wait of a restart for the tasks that run. */
  #quiet: AbortController | null = null;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** Those that came together, in one write. */
  accept(commands: readonly CommandMessage[]): void {
    const { store } = this.#options;
    const stored = store.inbox.store(commands, (command) => store.session.saw(command));
    let isOrdered = false;
    for (const [index, command] of commands.entries()) {
      isOrdered = this.#accepted(command, stored[index] ?? 'full') || isOrdered;
    }
    if (!isOrdered) return;
    this.#options.onOrdered();
    this.look();
  }

  /** True: it has no end yet. */
  #accepted(command: CommandMessage, stored: Stored): boolean {
    const { store, log } = this.#options;
    const { commandId, attempt } = command;
    if (stored === 'full') {
      log.warn('a command is not accepted: too many wait already', { commandId });
      return false;
    }
    // U8: durable before it is accepted; a repeated one is accepted again, since the first word may be lost.
    this.#options.send({ kind: 'accept', message: { commandId, attempt } });
    if (stored === 'finished') {
      store.inbox.finishAgain(command);
      this.#options.onOutput();
      return false;
    }
    if (stored === 'new') log.info('accepted a command', { commandId, attempt });
    return true;
  }

  /** The coordinator took a command back that has not begun. One that is on its way is the upgrade machine's. */
  takenBack(ref: AttemptRef, reason: string): void {
    const { store } = this.#options;
    if (attemptIdIn(this.#options.upgrade()) === `${ref.commandId}/${ref.attempt}`) return;
    if (this.#options.tasks.takenBack(ref)) return;
    const isWaiting = store.inbox
      .waiting()
      .some(({ commandId, attempt }) => commandId === ref.commandId && attempt === ref.attempt);
    if (isWaiting) this.#finish(plainFinish(ref, { outcome: 'denied', message: reason }));
    this.look();
  }

  /** A7: no task starts until the process has made way. */
  get isRestartWaiting(): boolean {
    return this.#isRestartWaiting;
  }

  /** Something may have changed that a command waits for. */
  look(): void {
    this.#isDue = true;
    this.#looked.ring();
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      try {
        if (this.#isDue) this.#lookNow(signal);
        this.#isDue = false;
      } catch (error) {
        if (!isDiskTrouble(error)) throw error;
        log.warn('a command could not be ended', { message: codedErrorFrom(error).message });
        if (!(await pause(clock, AGAIN_MS, signal))) return;
        continue;
      }
      await this.#looked.next(signal).catch(() => undefined);
    }
  }

  #lookNow(signal: AbortSignal): void {
    this.#endRestart();
    const didWait = this.#isRestartWaiting;
    this.#isRestartWaiting = false;
    for (const command of this.#options.store.inbox.waiting()) {
      if (signal.aborted) return;
      if (command.autoUpgrade || command.task) continue;
      const action = command.control?.action ?? '';
      if (isControlKind(action)) this.#carryOut(command, action);
      else this.#refuse(command, 'command-unknown', `this version cannot ${action || 'do that'}`);
    }
    if (!didWait || this.#isRestartWaiting) return;
    // Taken back, or something else came first.
    this.#quiet?.abort();
    this.#quiet = null;
    this.#options.onCondition();
  }

  /** A6: whoever finds this was started after it was written, by whatever ended the process before. */
  #endRestart(): void {
    const { meta } = this.#options.store;
    const pending = meta.read(RESTART_PENDING);
    if (pending === null) return;
    this.#finish(plainFinish(JSON.parse(pending) as AttemptRef, { outcome: 'succeeded' }));
    meta.forget(RESTART_PENDING);
  }

  #carryOut(command: CommandMessage, action: ControlKind): void {
    const { store, upgrade } = this.#options;
    const condition = store.condition.read();
    const state = reportedStateOf(upgrade(), condition);
    const answer = actionAnswer(action, { state, isInProbation: isInProbation(upgrade()) });
    switch (answer.kind) {
      case 'wait':
        return;
      case 'nothing':
        this.#finish(plainFinish(command, { outcome: 'already-there' }));
        return;
      case 'refuse':
        this.#refuse(command, 'action-refused', `the agent is ${state}: ${answer.reason}`);
        return;
      case 'now':
        break;
    }
    if (action === 'restart') {
      this.#restart(command);
      return;
    }
    this.#finish(plainFinish(command, { outcome: 'succeeded' }), () =>
      store.condition.write({ ...condition, ...EFFECTS[action] }),
    );
  }

  #restart({ commandId, attempt }: CommandMessage): void {
    if (this.#options.tasks.isBusy()) {
      this.#waitForTasks({ commandId, attempt });
      return;
    }
    // A6: durable before the process ends: a crash in between is a restart as well.
    this.#options.store.meta.write(RESTART_PENDING, JSON.stringify({ commandId, attempt }));
    this.#options.log.info('restarting by order', { commandId });
    this.#options.onRestart();
  }

  /** A7: as an upgrade does; each end of a run makes this look again. */
  #waitForTasks(ref: AttemptRef): void {
    const { tasks, send } = this.#options;
    this.#isRestartWaiting = true;
    if (this.#quiet !== null) return;
    this.#quiet = new AbortController();
    const about = { ...ref, step: 'waiting', detail: '', bytesDone: 0, bytesTotal: 0 };
    const onBusy = () => void send({ kind: 'progress', message: { ...about, holdReason: 'busy' } });
    void tasks.quiet({ signal: this.#quiet.signal, onBusy }).catch(() => undefined);
  }

  #refuse(command: CommandMessage, code: ErrorCode, message: string): void {
    this.#finish(plainFinish(command, { outcome: 'failed', code, message }));
  }

  #finish(finish: FinishMessage, effect?: () => void): void {
    const { store, log, onCondition, onOutput } = this.#options;
    store.inbox.finish(finish, effect);
    const { commandId, outcome, code } = finish;
    log.info('a command has ended', { commandId, outcome, ...(code === '' ? {} : { code }) });
    onCondition();
    onOutput();
  }
}
