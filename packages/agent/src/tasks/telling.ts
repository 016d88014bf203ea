import type { AgentFrame } from '@moult/protocol';
import type { TaskRunRow } from '../database/index.ts';
import { isOrdered } from './rows.ts';

/** Tells the coordinator what each ordered run waits for, or that it runs: when that changes, and anew in each session. */
export class Telling {
  readonly #send: (frame: AgentFrame) => boolean;
  readonly #told = new Map<string, string>();

  constructor(send: (frame: AgentFrame) => boolean) {
    this.#send = send;
  }

  /** A new session knows nothing of what was told before. */
  onLive(): void {
    this.#told.clear();
  }

  /** Of all that have not ended. `reason`: a hold reason. */
  tell(runs: {
    readonly waiting: readonly TaskRunRow[];
    readonly reason: string;
    readonly running: readonly TaskRunRow[];
  }): void {
    const { waiting, reason, running } = runs;
    const open = new Set([...waiting, ...running].map(({ run }) => run));
    for (const run of this.#told.keys()) if (!open.has(run)) this.#told.delete(run);
    for (const row of waiting) this.#tellOne(row, { step: 'waiting', holdReason: reason });
    for (const row of running) this.#tellOne(row, { step: 'running', holdReason: '' });
  }

  #tellOne(row: TaskRunRow, about: { readonly step: string; readonly holdReason: string }): void {
    if (!isOrdered(row)) return;
    const text = `${about.step} ${about.holdReason}`;
    if (this.#told.get(row.run) === text) return;
    const { commandId, attempt } = row;
    const message = { commandId, attempt, detail: '', bytesDone: 0, bytesTotal: 0, ...about };
    if (this.#send({ kind: 'progress', message })) this.#told.set(row.run, text);
  }
}
