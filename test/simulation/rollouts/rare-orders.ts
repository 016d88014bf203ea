/*
 * What operators do more rarely: each in a few lives, from chance of its own, so that all others stay what they are. Some begin a
 * life, in the place of the rollout that would begin it; others come beside what happens.
 */
import type { Rollout } from '@moult/api';
import type { Scheduler } from '../scheduler.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { TO_FORMER } from './beginnings.ts';
import { drawSpec } from './draw-spec.ts';
import type { LightAgent } from './light-agent.ts';
import type { LightRelease } from './light-releases.ts';
import type { RolloutOperator } from './rollout-operator.ts';

export interface RareOrdersOptions {
  readonly operator: RolloutOperator;
  readonly agents: readonly LightAgent[];
  readonly random: SeededRandom;
  /** Of moves alone: what is drawn besides stays where it is. */
  readonly movesRandom: SeededRandom;
  readonly scheduler: Scheduler;
  /** The first is what everybody runs. */
  readonly releases: readonly LightRelease[];
  readonly nowMs: () => number;
  readonly isMended: () => boolean;
  readonly trace: (what: string, detail?: unknown) => void;
}

const BEGINNINGS = {
  // Together as many as they are: what else is drawn stays where it is.
  none: 10.5,
  choice: 1.5,
  split: 2,
  pace: 2,
  draft: 2,
  'roll back': 2,
} as const;

/** Of so many lives. */
const BESIDE = {
  maintenance: 0.12,
  revert: 0.15,
  moves: 0.25,
} as const;

const CHOSEN_MS = 600_000;

export class RareOrders {
  readonly #options: RareOrdersOptions;

  constructor(options: RareOrdersOptions) {
    this.#options = options;
  }

  /** False: this life begins as most do. */
  begin(): boolean {
    const beginning = this.#options.random.weighted(BEGINNINGS);
    if (beginning === 'none') return false;
    this.#options.trace('rare', beginning);
    void this.#beginWith(beginning);
    return true;
  }

  beside(troubleMs: number): void {
    const { random } = this.#options;
    if (random.chance(BESIDE.maintenance)) {
      for (let count = random.between(1, 3); count > 0; count--) {
        const forMs = random.spread(5_000, 300_000);
        this.#at(random.spread(2_000, troubleMs), () => this.#maintain(true));
        this.#at(random.spread(2_000, troubleMs) + forMs, () => this.#maintain(false));
      }
    }
    if (random.chance(BESIDE.revert)) {
      for (let count = random.between(2, 4); count > 0; count--)
        this.#at(random.spread(troubleMs / 4, troubleMs), () => this.#revert());
    }
  }

  /** RO56 */
  moves(troubleMs: number): void {
    if (this.#options.movesRandom.chance(BESIDE.moves)) this.#moveWithin(troubleMs);
  }

  #moveWithin(ms: number): void {
    const { movesRandom: random } = this.#options;
    for (let count = random.between(1, 12); count > 0; count--)
      this.#at(random.spread(2_000, ms), () => this.#move());
  }

  #move(): Promise<unknown> {
    const { movesRandom: random, agents } = this.#options;
    const some = Array.from({ length: random.between(1, 3) }, () => random.pick(agents).name);
    const isNew = random.chance(0.1);
    const group = isNew ? 'group-9' : random.pick(agents).group;
    const body = { agents: [...new Set(some)], group, mayMake: isNew };
    return this.#call('moveAgents', {}, body);
  }

  #beginWith(beginning: Exclude<keyof typeof BEGINNINGS, 'none'>): Promise<void> {
    switch (beginning) {
      case 'choice':
        return this.#chosen();
      case 'split':
        return this.#split();
      case 'pace':
        return this.#paced();
      case 'draft':
        return this.#drafted();
      case 'roll back':
        return this.#withWayBack();
    }
  }

  #at(ms: number, act: () => Promise<unknown>): void {
    this.#options.scheduler.after(ms, () => {
      if (!this.#options.isMended()) void act();
    });
  }

  #maintain(isOn: boolean): Promise<unknown> {
    const waits = isOn && this.#options.random.chance(0.7);
    return this.#call('setMaintenance', {}, { isOn, waits });
  }

  /** Of one that has upgraded somebody. It may run still: then it is refused. */
  async #revert(): Promise<void> {
    const { random, operator, releases } = this.#options;
    const all = (await operator.all()).filter(({ counts }) => counts.done > 0);
    if (all.length === 0) return;
    const { name } = random.pick(all);
    const isToFormer = random.chance(0.7);
    const to = isToFormer ? {} : { version: random.pick(releases).version };
    const why = isToFormer ? TO_FORMER : 'all to one';
    // It is for agents by name.
    const spec = { ...drawSpec(random), takesLateJoiners: false };
    const body = { ...to, why, spec };
    const made = await this.#call('revertRollout', { rollout: name }, body);
    const { rollouts = [] } = (made ?? {}) as { rollouts?: readonly Rollout[] };
    for (const rollout of rollouts) await this.#start(rollout.name);
  }

  async #split(): Promise<void> {
    const { random } = this.#options;
    const whole = await this.#make();
    if (whole === null) return;
    const isOneByOne = random.chance(0.4);
    const body = { into: random.between(2, 3), isOneByOne, isByGroup: random.chance(0.25) };
    const made = await this.#call('splitRollout', { rollout: whole.name }, body);
    const { rollouts: parts = [] } = (made ?? {}) as { rollouts?: readonly Rollout[] };
    for (const part of isOneByOne ? parts.slice(0, 1) : parts) await this.#start(part.name);
  }

  /** At another pace than now, and hosts that are busy meanwhile. */
  async #paced(): Promise<void> {
    const { random, agents } = this.#options;
    const pace = random.pick(['soft', 'soft', 'fetch-only'] as const);
    for (const { upgrade } of agents) {
      if (pace === 'fetch-only' || random.chance(0.6)) continue;
      const fromMs = random.spread(1_000, 120_000);
      this.#at(fromMs, async () => upgrade.becomes({ isBusy: true }));
      this.#at(fromMs + random.spread(1_000, 600_000), async () =>
        upgrade.becomes({ isBusy: false }),
      );
    }
    const made = await this.#make({ spec: { ...drawSpec(random), pace } });
    if (made !== null) await this.#start(made.name);
  }

  /** For the fleet and for groups, changed and taken back while their rollouts go on. */
  async #chosen(): Promise<void> {
    const { random, operator } = this.#options;
    operator.choosesLast = true;
    // What is chosen for a group is another one's with another group.
    if (this.#options.movesRandom.chance(0.6)) this.#moveWithin(CHOSEN_MS);
    for (let count = random.between(1, 4); count > 0; count--)
      this.#at(random.spread(2_000, CHOSEN_MS), () => this.#choose(random.chance(0.2)));
    await this.#choose(false);
  }

  #choose(isTakenBack: boolean): Promise<unknown> {
    const { random, agents, releases } = this.#options;
    const version = isTakenBack ? null : random.pick(releases).version;
    if (random.chance(0.5))
      return this.#call('setFleetDesired', { component: 'agent' }, { version });
    const { group } = random.pick(agents);
    return this.#call('setGroupDesired', { group, component: 'agent' }, { version });
  }

  /** Kept, edited, planned and started at a time; a second principal approves it, or whoever made it tries to. */
  async #drafted(): Promise<void> {
    const { random } = this.#options;
    const needsSecondPrincipal = random.chance(0.3);
    const spec = { ...drawSpec(random), needsSecondPrincipal };
    const startsMs = this.#options.nowMs() + random.spread(1_000, 300_000);
    const kept = random.chance(0.6) ? { isDraft: true } : { startsMs };
    const made = await this.#make({ spec, ...kept });
    if (made === null) return;
    for (let count = random.between(3, 8); count > 0; count--)
      this.#at(random.spread(1_000, 300_000), () => this.#changeDraft(made.name));
    if (needsSecondPrincipal)
      this.#at(random.spread(1_000, 200_000), () =>
        this.#call('approveRollout', { rollout: made.name }, {}, BOB),
      );
  }

  #changeDraft(rollout: string): Promise<unknown> {
    const { random, releases, agents } = this.#options;
    const startsMs = this.#options.nowMs() + random.spread(1_000, 300_000);
    switch (random.weighted({ plan: 3, edit: 2, start: 2, 'start at': 3, approve: 1 })) {
      case 'plan':
        return this.#call('planStoredRollout', { rollout }, {});
      case 'start':
        return this.#start(rollout);
      case 'start at':
        return this.#call('startRollout', { rollout }, { startsMs });
      case 'approve':
        return this.#call('approveRollout', { rollout }, {}, random.chance(0.5) ? BOB : undefined);
      case 'edit': {
        const { group } = random.pick(agents);
        const { version } = random.pick(releases.slice(1));
        const one = random.pick([{ version }, { select: `group=${group}` }, { startsMs }]);
        const spec = random.chance(0.5) ? { priority: random.between(-2, 2) } : {};
        return this.#call(
          'editRollout',
          { rollout },
          { ...one, spec, isDraft: random.chance(0.4) },
        );
      }
    }
  }

  /** R8, in other ways than most. */
  async #withWayBack(): Promise<void> {
    const { random, releases } = this.#options;
    const rollBack = random.pick(['all', 'all', 'failed', 'none'] as const);
    const [first] = releases;
    const rollBackTo = rollBack !== 'none' && random.chance(0.3) ? first?.version : null;
    const goesOnAfterRollBack = random.chance(0.3);
    const spec = { ...drawSpec(random), rollBack, rollBackTo, goesOnAfterRollBack };
    const made = await this.#make({ spec });
    if (made !== null) await this.#start(made.name);
  }

  async #make(more: object = {}): Promise<Rollout | null> {
    const { random, releases } = this.#options;
    const { version } = random.pick(releases.slice(1));
    const spec = drawSpec(random);
    const body = { component: 'agent', version, select: 'agent=*', spec, ...more };
    return (await this.#call('createRollout', {}, body)) as Rollout | null;
  }

  #start(rollout: string): Promise<unknown> {
    return this.#call('startRollout', { rollout }, { asPlanned: this.#options.random.chance(0.5) });
  }

  #call(name: string, params: object, body: object, caller: object = ANN): Promise<unknown> {
    const request = { params, body: { why: 'because', ...body }, caller };
    return this.#options.operator.call(name, request);
  }
}

const ANN = { principal: 'ann', role: 'admin' } as const;
const BOB = { principal: 'bob', role: 'admin' } as const;
