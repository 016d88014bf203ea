import type { Logger } from '@moult/runtime/logger';
import type { Timetable } from '../ports.ts';
import type { Tasks } from './task-list.ts';

/** Keeps the timetable to what the list of tasks says: what has not changed is not disturbed. */
export class Schedules {
  readonly #timetable: Timetable;
  readonly #log: Logger;
  readonly #onDue: (task: string) => void;
  readonly #begun = new Map<string, { readonly key: string; stop(): void }>();

  constructor(options: {
    readonly timetable: Timetable;
    readonly log: Logger;
    readonly onDue: (task: string) => void;
  }) {
    this.#timetable = options.timetable;
    this.#log = options.log;
    this.#onDue = options.onDue;
  }

  use(tasks: Tasks): void {
    for (const [name, begun] of this.#begun) {
      if (begun.key === keyOf(tasks, name)) continue;
      begun.stop();
      this.#begun.delete(name);
    }
    for (const { name, schedule } of tasks.values()) {
      if (schedule === null || this.#begun.has(name)) continue;
      const { cron, timeZone } = schedule;
      const started = this.#timetable.start(cron, () => this.#onDue(name), timeZone);
      this.#begun.set(name, { key: keyOf(tasks, name), stop: () => started.stop() });
      this.#log.info('a schedule of a task has begun', { task: name, cron, timeZone });
    }
  }

  stop(): void {
    this.use(new Map());
  }
}

function keyOf(tasks: Tasks, name: string): string {
  return JSON.stringify(tasks.get(name)?.schedule ?? null);
}
