/* A steady stream of tasks that take 10 ms and write a line, and how long a host was without one. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Coordinator } from '../fleet/coordinator.ts';
import { until } from '../fleet/until.ts';

/** A task takes 10 ms and its process some more: as many at once as it takes that orders do not pile up. */
const ORDER_EVERY_MS = 25;
const ENDED_MS_MAX = 60_000;
export const TASKS_YAML: string = `tasks:
  tick:
    program: /bin/sh
    concurrency: 8
    arguments: ["-c", "sleep 0.01; echo ticked"]
`;

/** Orders a task every so often, whatever becomes of it. */
export class TaskStream {
  ordered: number = 0;
  readonly #coordinator: Coordinator;
  readonly #agent: string;
  readonly #timer: NodeJS.Timeout;
  readonly #asked = new Set<Promise<unknown>>();

  constructor(coordinator: Coordinator, agent: string) {
    this.#coordinator = coordinator;
    this.#agent = agent;
    this.#timer = setInterval(() => this.#order(), ORDER_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#asked);
  }

  #order(): void {
    const body = { agents: [this.#agent], task: 'tick' };
    const asked = this.#coordinator.client.orderTasks({ body }).then(() => {
      this.ordered += 1;
    });
    this.#asked.add(asked);
    void asked.finally(() => this.#asked.delete(asked));
  }
}

/** Without any run, since the upgrade began: there is one gap that is not ordinary. */
export function longestGap(coordinator: Coordinator, sinceMs: number): number {
  const rows = rowsOf(
    coordinator,
    `started_ms, ended_ms FROM task_runs WHERE started_ms >= ${sinceMs} AND ended_ms IS NOT NULL ORDER BY started_ms`,
  );
  let longestMs = 0;
  let endedMs = Number(rows[0]?.['ended_ms']);
  for (const row of rows) {
    longestMs = Math.max(longestMs, Number(row['started_ms']) - endedMs);
    // Some run side by side.
    endedMs = Math.max(endedMs, Number(row['ended_ms']));
  }
  return longestMs;
}

export function countOf(coordinator: Coordinator, where: string): number {
  return Number(
    rowsOf(coordinator, `COUNT(*) AS count FROM task_runs WHERE ${where}`)[0]?.['count'],
  );
}

function rowsOf(coordinator: Coordinator, what: string): readonly Record<string, unknown>[] {
  const path = join(coordinator.stateDir, 'coordinator.db');
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare(`SELECT ${what}`).all();
  } finally {
    database.close();
  }
}

export async function allEnded(coordinator: Coordinator, agent: string): Promise<void> {
  await until(
    'every task that was ordered has ended',
    async () => {
      const { runs } = await coordinator.client.listRuns({
        query: { agent, state: 'open' },
      });
      return runs.length === 0 ? true : null;
    },
    { timeoutMs: ENDED_MS_MAX },
  );
}
