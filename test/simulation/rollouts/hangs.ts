/*
 * RO33: an agent that hangs in a step of its upgrade, with its session open. In a world that is mended it hangs on, until its
 * deadline has passed: by then its rollout must have gone on without it. Then it comes to itself.
 */
import type { Scheduler } from '../scheduler.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { LightAgent } from './light-agent.ts';
import type { Step } from './light-upgrade.ts';
import type { RolloutOracle } from './oracle.ts';

export interface HangsOptions {
  readonly agents: readonly LightAgent[];
  readonly oracle: RolloutOracle;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly fail: (invariant: string, message: string) => void;
  readonly met: (what: string) => void;
}

/** Of so many lives: hours of virtual time are dear. */
const LIVES = 0.12;
const STEPS = {
  switching: 4,
  committing: 4,
  preflight: 1,
  staged: 1,
  fetching: 0.3,
  draining: 0.3,
  probation: 0.3,
} as const;
const MINUTE_MS = 60_000;
/** By docs/defaults.md; no upgrade of a light agent teaches a longer one. */
const FLOOR_MS: Readonly<Record<keyof typeof STEPS, number>> = {
  preflight: 30 * MINUTE_MS,
  fetching: 60 * MINUTE_MS,
  staged: 30 * MINUTE_MS,
  draining: 90 * MINUTE_MS,
  switching: 10 * MINUTE_MS,
  probation: 90 * MINUTE_MS,
  committing: 10 * MINUTE_MS,
};
const LOOK_MS = 20_000;
/** The queue looks at all once a minute. */
const SEEN_MS = 3 * MINUTE_MS;

export class Hangs {
  readonly #options: HangsOptions;
  #mendedMs = 0;
  /** Since when nothing stands in the way of the deadline, by agent. */
  readonly #since = new Map<LightAgent, number>();

  constructor(options: HangsOptions) {
    this.#options = options;
  }

  begin(): void {
    const { agents, random } = this.#options;
    if (!random.chance(LIVES)) return;
    for (let count = random.between(1, 2); count > 0; count--)
      random.pick(agents).upgrade.hangsIn = random.weighted(STEPS);
  }

  get isAny(): boolean {
    return this.#hanging.length > 0;
  }

  mend(): void {
    this.#mendedMs = this.#options.scheduler.nowMs;
    this.#look();
  }

  /** Nobody hangs any more: who has not come to its step does not hang in it. */
  end(): void {
    for (const { upgrade } of this.#options.agents) upgrade.hangsIn = null;
  }

  get #hanging(): readonly LightAgent[] {
    return this.#options.agents.filter(({ upgrade }) => upgrade.isHanging);
  }

  #look(): void {
    for (const agent of this.#hanging) this.#judge(agent, agent.upgrade.step);
    if (this.#options.agents.some(({ upgrade }) => upgrade.hangsIn !== null))
      this.#options.scheduler.after(LOOK_MS, () => this.#look());
  }

  #judge(agent: LightAgent, step: Step | null): void {
    const { scheduler, oracle, met, fail } = this.#options;
    if (step === null || !isDrawn(step)) return;
    const { nowMs } = scheduler;
    const isFree = agent.isLive && !oracle.isHolding && !oracle.isStanding(agent.commandId);
    if (!isFree) this.#since.delete(agent);
    const freeMs = this.#since.get(agent) ?? nowMs;
    if (isFree) this.#since.set(agent, freeMs);
    const begunMs = Math.max(agent.upgrade.stepSinceMs, this.#mendedMs);
    if (!isFree || nowMs - begunMs < FLOOR_MS[step] + SEEN_MS || nowMs - freeMs < SEEN_MS) return;
    met(`hangs: ${step}`);
    if (oracle.isUpgrading(agent.commandId))
      fail('RO33', `${agent.name} is ${step} for ${nowMs - begunMs} ms, and its rollout waits`);
    agent.upgrade.comeToItself();
  }
}

function isDrawn(step: Step): step is keyof typeof STEPS {
  return Object.hasOwn(STEPS, step);
}
