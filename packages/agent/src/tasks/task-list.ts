/*
 * K1: what the owner's file says now. It is looked at again and again, which no editor can outwit, and taken when it
 * lay still between two looks: an editor may write it in pieces. A file with a mistake changes nothing but what the
 * report says of it.
 */
import { codedErrorFrom } from '@moult/core/errors';
import { readDefinitions, type TaskDefinition } from '@moult/core/task';
import type { TaskOffer } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import { parseYaml } from '@moult/runtime/config';
import type { Logger } from '@moult/runtime/logger';
import type { TasksFile, Timetable } from '../ports.ts';
import { pause } from '../waiting.ts';

export type Tasks = ReadonlyMap<string, TaskDefinition>;

export interface TaskListOptions {
  readonly file: TasksFile;
  readonly timetable: Pick<Timetable, 'trouble'>;
  readonly clock: Clock;
  readonly log: Logger;
}

const LOOK_MS = 5_000;
/** The coordinator keeps 2,000 characters; who has more mistakes than fit mends these first. */
const TROUBLE_LENGTH_MAX = 1_800;

export class TaskList {
  readonly #options: TaskListOptions;
  #tasks: Tasks = new Map();
  #trouble = '';
  #takenStamp: string | null = null;

  constructor(options: TaskListOptions) {
    this.#options = options;
  }

  get tasks(): Tasks {
    return this.#tasks;
  }

  /** Why the file is not used as it is now; empty: it is. */
  get trouble(): string {
    return this.#trouble;
  }

  /** As it lies there when the agent starts. */
  async begin(): Promise<void> {
    await this.#take(await this.#options.file.stamp());
  }

  /** Until the signal aborts; `onTaken` after each change of the file, for better or worse. */
  async run(signal: AbortSignal, onTaken: () => void): Promise<void> {
    const { clock, file } = this.#options;
    let before = this.#takenStamp;
    while (await pause(clock, LOOK_MS, signal)) {
      const stamp = await file.stamp();
      const isSettled = stamp === before;
      before = stamp;
      if (!isSettled || stamp === this.#takenStamp || signal.aborted) continue;
      await this.#take(stamp);
      onTaken();
    }
  }

  async #take(stamp: string): Promise<void> {
    const { log } = this.#options;
    const result = await this.#read();
    this.#takenStamp = stamp;
    if (result.kind === 'read') {
      this.#tasks = result.tasks;
      if (this.#trouble !== '') log.info('the list of tasks is used again');
      this.#trouble = '';
      return;
    }
    const text = `tasks-file-invalid: ${result.troubles.join('; ')}`;
    this.#trouble =
      text.length <= TROUBLE_LENGTH_MAX ? text : `${text.slice(0, TROUBLE_LENGTH_MAX)} …`;
    log.error('the list of tasks is not used; what it said before stands', {
      code: 'tasks-file-invalid',
      troubles: result.troubles.slice(0, LOGGED_MAX),
    });
  }

  async #read(): Promise<ReturnType<typeof readDefinitions>> {
    try {
      const text = await this.#options.file.read();
      const result = readDefinitions(text === null ? null : parseYaml(text, 'tasks.yaml'));
      if (result.kind === 'invalid') return result;
      const troubles = await this.#scheduleTroubles(result.tasks);
      return troubles.length === 0 ? result : { kind: 'invalid', troubles };
    } catch (error) {
      return { kind: 'invalid', troubles: [codedErrorFrom(error).message] };
    }
  }

  async #scheduleTroubles(tasks: Tasks): Promise<readonly string[]> {
    const troubles: string[] = [];
    for (const { name, schedule } of tasks.values()) {
      if (schedule === null) continue;
      const trouble = await this.#options.timetable.trouble(schedule);
      if (trouble !== null) troubles.push(`tasks.${name}.schedule: ${trouble}`);
    }
    return troubles;
  }
}

/** What reads cron expressions is loaded where there are any. */
export const troubleOfSchedule: Timetable['trouble'] = async ({ cron, timeZone }) => {
  const { scheduleTrouble } = await import('@moult/runtime/cron');
  return scheduleTrouble(cron, timeZone);
};

/** Lines of the log are for reading. */
const LOGGED_MAX = 50;
const DESCRIPTION_LENGTH_MAX = 200;
/** A report has 64 KiB for everything; two hundred names alone take a quarter of it. */
const OFFERS_BYTES_MAX = 24_576;

/** For display at the coordinator, in the order of their names; where all of it is too much, the last are names alone. */
export function offersOf(tasks: Tasks): readonly TaskOffer[] {
  let bytes = 0;
  return [...tasks.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, description, parameters, schedule }) => {
      const offer = {
        name,
        description: description.slice(0, DESCRIPTION_LENGTH_MAX),
        parameters: Object.keys(parameters),
        schedule: schedule?.cron ?? '',
        timeZone: schedule?.timeZone ?? '',
      };
      bytes += Buffer.byteLength(JSON.stringify(offer));
      if (bytes <= OFFERS_BYTES_MAX) return offer;
      return { name, description: '', parameters: [], schedule: '', timeZone: '' };
    });
}
