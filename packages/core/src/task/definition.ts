/*
 * What the owner of a host allows to be run on it, by name. Whoever orders a task chooses among these and fills in
 * parameters of a declared kind; the program, its environment and its limits are the owner's alone. There is no shell.
 */

/** What is given for a parameter must be of its kind; a default makes it optional. */
export type TaskParameter =
  /** At most `lengthMax` characters, none of them a control character; all of it must match `pattern` (a RegExp source) if there is one. */
  | {
      readonly kind: 'text';
      readonly pattern: string | null;
      readonly lengthMax: number;
      readonly default: string | null;
    }
  | {
      readonly kind: 'integer';
      readonly least: number;
      readonly most: number;
      readonly default: string | null;
    }
  | {
      readonly kind: 'choice';
      readonly values: readonly string[];
      readonly default: string | null;
    };

export interface TaskDefinition {
  readonly name: string;
  readonly description: string;
  /** Absolute path. */
  readonly program: string;
  /** `{name}` stands for a parameter's value; `{{` and `}}` are braces. */
  readonly arguments: readonly string[];
  readonly parameters: Readonly<Record<string, TaskParameter>>;
  readonly environment: Readonly<Record<string, string>>;
  /** Then it is asked to end, and made to. */
  readonly timeLimitMs: number;
  /** Runs of it at once. */
  readonly concurrency: number;
  /** Of one run, all its streams together; what is beyond is dropped and counted. */
  readonly outputBytesMax: number;
  /** A run that a crash cut off is begun again; else it ends as `outcome-unknown`. */
  readonly isIdempotent: boolean;
  readonly schedule: TaskSchedule | null;
}

export interface TaskSchedule {
  /** Five fields, or six with seconds first. */
  readonly cron: string;
  /** IANA name. */
  readonly timeZone: string;
}

export const TASK_DEFAULTS: Readonly<
  Record<'timeLimitMs' | 'concurrency' | 'outputBytesMax' | 'textLengthMax', number>
> = {
  timeLimitMs: 3_600_000,
  concurrency: 1,
  outputBytesMax: 16 * 1_048_576,
  textLengthMax: 1_024,
};

/** A definition of thousands is a program's mistake, and every report names them all. */
export const TASKS_MAX = 200;
/** Of one task: so many runs at once. */
export const CONCURRENCY_MAX = 64;
export const PARAMETERS_MAX = 32;
/** Linux takes 128 KiB for one argument; orders travel in frames of 64 KiB. */
export const VALUE_BYTES_MAX = 8_192;
/** All names and values of one order together, with room for its frame. */
export const ORDER_BYTES_MAX = 49_152;
/** An order that no host has accepted by then is over: tasks are for now. */
export const TASK_NOT_AFTER_MS = 86_400_000;
/** Asked to end; then ended. */
export const ENDING_MS = 60_000;
