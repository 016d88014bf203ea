/*
 * What every command gets: a place to speak, a coordinator to ask, a signal to obey. Commands are added to the
 * program by one function each and load what they need when they run, so that `moult --help` stays quick.
 */
import type { Client } from '@moult/api/client';
import type { Clock } from '@moult/runtime/clock';
import type { Command } from 'commander';
import { type ConnectionOptions, connectionOf } from './config/connection.ts';
import type { Invocation } from './config/invocation.ts';
import { Output } from './terminal/output.ts';

export interface OutputFlags {
  /** `csv` of the commands that say so; they make it themselves. */
  readonly output?: 'table' | 'json' | 'csv';
  readonly quiet?: boolean;
}

/** One run of one command. */
export interface Run {
  readonly output: Output;
  /** Aborts at Ctrl-C. */
  readonly stop: AbortSignal;
  readonly clock: Clock;
  readonly invocation: Invocation;
  /** The coordinator that flags, environment or context name. */
  connect(): Promise<Client>;
}

/** Resolves to the exit code. */
export type Work<Options, Args extends readonly unknown[]> = (
  run: Run,
  options: Options,
  args: Args,
) => Promise<number>;

export interface ShellOptions {
  readonly invocation: Invocation;
  readonly stop: AbortSignal;
  readonly clock: Clock;
}

export class Shell {
  readonly #options: ShellOptions;
  /** Of the command that ran; commander's own ends (help, version) leave it. */
  exitCode = 0;

  constructor(options: ShellOptions) {
    this.#options = options;
  }

  /** The action of a command in commander's form. */
  action<Options extends object = object, Args extends readonly unknown[] = []>(
    work: Work<Options, Args>,
  ): (...given: unknown[]) => Promise<void> {
    return async (...given) => {
      const command = given.at(-1) as Command;
      const options = command.opts<Options & OutputFlags & ConnectionOptions>();
      const run = this.#runOf(options);
      try {
        this.exitCode = await work(run, options, command.processedArgs as unknown as Args);
      } finally {
        run.output.end();
      }
    };
  }

  #runOf(options: OutputFlags & ConnectionOptions): Run {
    const { invocation, stop, clock } = this.#options;
    return {
      output: new Output({
        screen: invocation.screen,
        isJson: options.output === 'json',
        isQuiet: options.quiet === true,
      }),
      stop,
      clock,
      invocation,
      connect: async () => {
        const connection = await connectionOf(options, invocation);
        const { createClient } = await import('@moult/api/client');
        return createClient(connection);
      },
    };
  }
}
