/* What a simulation supposes of the fleet (N6): how long upgrades have taken, and what its groups have and can spare. */
import type { AgentState } from '@moult/core/agent-state';
import type { Component } from '@moult/core/component';
import { type UpgradeTime, upgradeTimeOf } from '@moult/core/rollout';
import type { ReadContext } from '../context.ts';

/** The newest: what took long a year ago was another release. */
const MEASURED_MAX = 200;

export interface SimulationFacts {
  readonly upgrade: UpgradeTime;
  readonly groups: readonly {
    readonly name: string;
    readonly unavailableMax: number;
    readonly instances: readonly { readonly instanceId: string; readonly state: AgentState }[];
  }[];
}

/** Groups by name. Whether their agents are connected no table has. */
export async function simulationFacts(
  db: ReadContext,
  of: { readonly component: Component; readonly groups: readonly string[] },
): Promise<SimulationFacts> {
  const { component } = of;
  const attempts = await db
    .selectFrom('attempts')
    .select(['started_ms', 'ended_ms'])
    .where('component', '=', component)
    .where('outcome', '=', 'succeeded')
    .orderBy('command_id', 'desc')
    .limit(MEASURED_MAX)
    .execute();
  const took = attempts.flatMap(({ started_ms: startedMs, ended_ms: endedMs }) =>
    endedMs === null ? [] : [endedMs - startedMs],
  );
  const groups: SimulationFacts['groups'][number][] = [];
  for (const name of [...new Set(of.groups)].sort()) {
    const instances = await db
      .selectFrom('instances')
      .innerJoin('agents', 'agents.name', 'instances.agent_name')
      .select(['instances.id as instanceId', 'instances.state'])
      .where('agents.group_name', '=', name)
      .where('instances.role', '=', 'active')
      .execute();
    const group = await db
      .selectFrom('groups')
      .select('unavailable_max')
      .where('name', '=', name)
      .executeTakeFirst();
    groups.push({ name, unavailableMax: group?.unavailable_max ?? 1, instances });
  }
  return { upgrade: upgradeTimeOf(took), groups };
}
