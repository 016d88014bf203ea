/* What happens to agents beside what they are ordered: late, lost, flapping, crashed, cloned, held by their owners. */
import type { Scheduler } from '../scheduler.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { LightAgent } from './light-agent.ts';

export interface AgentTroublesOptions {
  readonly agents: readonly LightAgent[];
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly isMended: () => boolean;
  readonly met: (what: string) => void;
  readonly trace: (what: string, detail?: unknown) => void;
}

const KINDS = {
  none: 12,
  late: 1.5,
  lost: 1,
  'away for a while': 2,
  flapping: 1,
  crashing: 2,
  cloned: 0.5,
  held: 1,
} as const;

type Kind = keyof typeof KINDS;

export class AgentTroubles {
  readonly #options: AgentTroublesOptions;
  readonly #copies: LightAgent[] = [];

  constructor(options: AgentTroublesOptions) {
    this.#options = options;
  }

  begin(agent: LightAgent, troubleMs: number): void {
    const { random } = this.#options;
    const kind = random.weighted(KINDS);
    const atMs = random.spread(100, troubleMs);
    const forMs = random.spread(1_000, troubleMs);
    if (kind !== 'late') agent.start();
    if (kind === 'none') return;
    this.#options.met(`agent: ${kind}`);
    this.#at(atMs, () => {
      this.#options.trace('trouble', { kind, agent: agent.name, forMs });
      this.#strike(kind, agent, forMs);
    });
  }

  mend(): void {
    for (const copy of this.#copies) copy.stop();
    for (const agent of this.#options.agents) {
      agent.sayMarks([]);
      agent.upgrade.becomes({ isBusy: false });
      agent.start();
    }
  }

  #strike(kind: Kind, agent: LightAgent, forMs: number): void {
    const { random } = this.#options;
    switch (kind) {
      case 'late':
        agent.start();
        return;
      case 'lost':
        agent.stop();
        return;
      case 'away for a while':
        agent.stop();
        this.#at(forMs, () => agent.start());
        return;
      case 'flapping':
        this.#flap(agent, forMs);
        return;
      case 'crashing':
        agent.crash(random.spread(50, 60_000));
        if (random.chance(0.7))
          this.#at(random.spread(100, forMs), () => this.#strike(kind, agent, forMs));
        return;
      case 'cloned': {
        const copy = agent.copy();
        this.#copies.push(copy);
        copy.start();
        this.#at(forMs, () => copy.stop());
        return;
      }
      case 'held':
        agent.sayMarks([random.pick(['pinned', 'postponed', 'host-locked'])]);
        this.#at(forMs, () => agent.sayMarks([]));
        return;
    }
  }

  #flap(agent: LightAgent, leftMs: number): void {
    agent.breakOff();
    const ms = this.#options.random.spread(500, 20_000);
    if (leftMs > ms) this.#at(ms, () => this.#flap(agent, leftMs - ms));
  }

  #at(ms: number, run: () => void): void {
    this.#options.scheduler.after(ms, () => {
      if (!this.#options.isMended()) run();
    });
  }
}
