/*
 * What an agent is ordered to do beside upgrades: what its process does by itself, and tasks. Each looks again when the
 * other has changed something: a restart waits for tasks, and a task for the end of a pause.
 */
import type { UpgradeState } from '@moult/core/upgrade';
import type { AgentFrame } from '@moult/protocol';
import { Commands } from './commands.ts';
import type { AgentStore } from './database/index.ts';
import type { OutputIntake } from './output/intake.ts';
import type { AgentPorts } from './ports.ts';
import { Tasks } from './tasks/tasks.ts';

export interface OrdersOptions {
  readonly ports: AgentPorts;
  readonly store: AgentStore;
  readonly intake: OutputIntake;
  readonly upgrade: () => UpgradeState;
  readonly isWorldBroken: () => boolean;
  readonly graceMs: () => number;
  readonly send: (frame: AgentFrame) => boolean;
  /** A command lies in the inbox. */
  readonly onOrdered: () => void;
  /** What the agent says of itself has changed. */
  readonly onChange: () => void;
  /** The first task runs, or the last one is over. */
  readonly onBusy: () => void;
  /** There is something new to deliver. */
  readonly onOutput: () => void;
  readonly onRestart: () => void;
  readonly onDefect: (error: unknown) => void;
}

export class Orders {
  readonly commands: Commands;
  readonly tasks: Tasks;

  #wasBusy = false;
  /** Who wants no task to start; null: nobody but a restart. */
  #held: symbol | null = null;

  constructor(options: OrdersOptions) {
    const { ports, onOrdered, onChange, onBusy } = options;
    this.commands = new Commands({
      ...options,
      ...ports,
      tasks: {
        isBusy: () => this.tasks.isBusy,
        quiet: (quiet) => this.tasks.quiet('restart', quiet),
        takenBack: (ref) => this.tasks.takenBack(ref),
      },
      onOrdered: () => {
        onOrdered();
        this.tasks.look();
      },
      onCondition: () => {
        onChange();
        this.tasks.look();
      },
    });
    this.tasks = new Tasks({
      ...options,
      ...ports,
      isHeld: () => this.commands.isRestartWaiting || this.#held !== null,
      onChange: () => {
        onChange();
        if (this.#wasBusy !== this.tasks.isBusy) onBusy();
        this.#wasBusy = this.tasks.isBusy;
        this.commands.look();
      },
    });
  }

  /** No task starts until it is let go. */
  hold(): () => void {
    const held = Symbol('held');
    this.#held = held;
    return () => {
      if (this.#held === held) this.#held = null;
      this.look();
    };
  }

  /** The state of the upgrade has changed. */
  look(): void {
    this.commands.look();
    this.tasks.look();
  }

  /** Until the signal aborts and what ran is over. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.commands.run(signal), this.tasks.run(signal)]);
  }
}
