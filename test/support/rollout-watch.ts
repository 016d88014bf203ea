/* Rollouts of a fleet of real processes, as a test waits for them and judges them. */
import type { Rollout } from '@moult/api';
import type { Client } from '@moult/api/client';
import { until } from '../../scripts/fleet/until.ts';
import type { RealFleet } from './real-fleet.ts';

type Member = Awaited<ReturnType<Client['listRolloutAgents']>>['agents'][number];

export class RolloutWatch {
  readonly #fleet: RealFleet;
  readonly #timeoutMs: number;

  constructor(fleet: RealFleet, options: { readonly timeoutMs: number }) {
    this.#fleet = fleet;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Waits through restarts of the coordinator. */
  async when(name: string, what: string, isSo: (rollout: Rollout) => boolean): Promise<Rollout> {
    let last: Rollout | null = null;
    return await until(
      `the rollout ${name} ${what}`,
      async () => {
        last = await this.#client.getRollout({ params: { rollout: name } });
        return isSo(last) ? last : null;
      },
      { timeoutMs: this.#timeoutMs, detail: () => JSON.stringify(last) },
    );
  }

  async members(name: string): Promise<readonly Member[]> {
    const params = { rollout: name };
    return (await this.#client.listRolloutAgents({ params, query: {} })).agents;
  }

  /** By agent. */
  async states(name: string): Promise<Readonly<Record<string, string>>> {
    const members = await this.members(name);
    return Object.fromEntries(members.map(({ agent, state }) => [agent, state]));
  }

  async version(agent: string): Promise<string | undefined> {
    const { components } = await this.#client.getAgent({ params: { name: agent } });
    return components.find(({ component }) => component === 'agent')?.current?.version;
  }

  /** By agent. */
  async versions(agents: Iterable<string>): Promise<Readonly<Record<string, string | undefined>>> {
    const found: Record<string, string | undefined> = {};
    for (const agent of agents) found[agent] = await this.version(agent);
    return found;
  }

  get #client(): Client {
    return this.#fleet.coordinator.client;
  }
}

/** RO1: how many of them were under way at once, by the times that the coordinator tells of them. */
export function mostAtOnce(
  members: readonly { readonly startedMs: number | null; readonly endedMs: number | null }[],
): number {
  const counts = members.map((one) => {
    const atMs = one.startedMs ?? Number.NaN;
    return members.filter((other) => {
      const { startedMs, endedMs } = other;
      return (
        startedMs !== null && startedMs <= atMs && atMs < (endedMs ?? Number.POSITIVE_INFINITY)
      );
    }).length;
  });
  return Math.max(0, ...counts);
}
