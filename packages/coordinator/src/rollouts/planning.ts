/*
 * Plans what was ordered to be planned, and starts what is due (R4, R5). Level-triggered: each look takes up whatever stands
 * there, also what a coordinator that died has left. Whom a rollout is for is read here, page by page; the store decides.
 */
import { type Clock, everyMs } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Planned, RolloutTable, Store } from '@moult/store';
import type { Sessions } from '../gateway/sessions.ts';
import { type Selected, type Selection, selectorOf } from '../registry/selection.ts';
import type { Rollouts } from './rollouts.ts';

/** So late a start may be that was set for a time. */
const LOOK_MS = 1_000;

export interface PlanningOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sessions: Sessions;
  readonly selection: Selection;
  readonly rollouts: Rollouts;
}

export type Asked = readonly { readonly instanceId: string; readonly isConnected: boolean }[];

export class Planning {
  readonly #options: PlanningOptions;
  readonly #stop = new AbortController();
  #loop: Promise<unknown> = Promise.resolve();
  /** By id: a look and a request do not plan the same one twice. */
  readonly #plans = new Map<string, Promise<Planned>>();

  constructor(options: PlanningOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = everyMs(this.#options.clock, LOOK_MS, this.#stop.signal, () => this.look());
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await Promise.allSettled(this.#plans.values());
  }

  async look(): Promise<void> {
    const { store, clock } = this.#options;
    await this.#trying(null, async () => {
      const found = await store.read('unsettledRollouts', { nowMs: clock.nowMs() });
      for (const id of found.planning) await this.#trying(id, () => this.finish(id));
      for (const id of found.due) await this.#trying(id, () => this.#startDue(id));
    });
  }

  /** One that cannot be read keeps no other from its turn. */
  async #trying(rollout: string | null, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const text = 'a rollout could not be planned or started; the next look tries again';
      this.#options.log.error(text, { rollout, err: error });
    }
  }

  /** Does what was ordered by `orderPlan`. */
  finish(id: string): Promise<Planned> {
    const under = this.#plans.get(id);
    if (under !== undefined) return under;
    const plan = this.#finish(id).finally(() => this.#plans.delete(id));
    this.#plans.set(id, plan);
    return plan;
  }

  /** Who a rollout is for now. A name that nobody bears any more is nobody. */
  async agentsOf(row: Pick<RolloutTable, 'selector' | 'agents'>): Promise<Asked> {
    const { store, selection } = this.#options;
    if (row.selector !== null)
      return this.asked(await selection.all({ selector: selectorOf(row.selector) }));
    const found: Selected[] = [];
    for (const agentName of JSON.parse(row.agents ?? '[]') as readonly string[]) {
      const view = await store.read('agentByName', agentName);
      if (view !== null) found.push({ agentName, instanceId: view.instance.id });
    }
    return this.asked(found);
  }

  asked(selected: readonly Selected[]): Asked {
    const { sessions } = this.#options;
    return selected.map(({ instanceId }) => ({
      instanceId,
      isConnected: sessions.of(instanceId) !== null,
    }));
  }

  async #finish(id: string): Promise<Planned> {
    const { store, clock } = this.#options;
    const { row } = await store.read('rolloutView', id);
    const found = await this.#foundFor(row);
    return await store.write('finishPlan', { ...found, nowMs: clock.nowMs() });
  }

  async #startDue(id: string): Promise<void> {
    const { store, clock, rollouts } = this.#options;
    const { row } = await store.read('rolloutView', id);
    const due = { ...(await this.#foundFor(row)), nowMs: clock.nowMs() };
    if (await store.write('startDueRollout', due)) await rollouts.changed();
  }

  /** Page by page: it may be edited meanwhile, and is for others then. */
  async #foundFor(row: RolloutTable) {
    return { rollout: row.id, revision: row.revision, agents: await this.agentsOf(row) };
  }
}
