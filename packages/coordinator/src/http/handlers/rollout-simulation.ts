/* A rollout that is only supposed (N6): planned from what agents report now, its course counted, and nothing made. */
import type { RolloutSimulation } from '@moult/api';
import {
  type GroupNow,
  type Plan,
  type RolloutSpec,
  type Simulation,
  simulate,
} from '@moult/core/rollout';
import type { Store } from '@moult/store';
import type { Sessions } from '../../gateway/sessions.ts';

export async function simulationOf(
  { store, sessions }: { readonly store: Store; readonly sessions: Sessions },
  of: { readonly spec: RolloutSpec; readonly plan: Plan },
): Promise<RolloutSimulation> {
  const { spec, plan } = of;
  const names = plan.members.map(({ candidate }) => candidate.group);
  const facts = await store.read('simulationFacts', { component: spec.component, groups: names });
  const groups = facts.groups.map(
    ({ name, unavailableMax, instances }): GroupNow => ({
      ...{ name, unavailableMax },
      inService: instances.filter(({ instanceId, state }) => {
        return state === 'Up' && sessions.of(instanceId) !== null;
      }).length,
    }),
  );
  const { members } = plan;
  const simulation = simulate({ spec, members, groups, upgradeMs: facts.upgrade.ms });
  return {
    component: spec.component,
    version: spec.version,
    upgrade: facts.upgrade,
    endMs: simulation.endMs,
    approvals: simulation.approvals,
    resumes: simulation.resumes,
    away: simulation.away.map(({ agentName }) => agentName),
    alreadyThere: plan.alreadyThere.length,
    cannot: plan.cannot.length,
    upgrades: simulation.upgrades.map(({ candidate, wave, startMs, endMs }) => ({
      ...{ agent: candidate.agentName, group: candidate.group, wave, startMs, endMs },
    })),
    service: serviceOf(simulation, groups),
  };
}

function serviceOf({ service }: Simulation, groups: readonly GroupNow[]) {
  return service.map(({ group, steps }) => {
    const now = groups.find(({ name }) => name === group);
    return {
      group,
      inService: now?.inService ?? 0,
      unavailableMax: now?.unavailableMax ?? 1,
      least: Math.min(...steps.map(({ inService }) => inService)),
      steps: [...steps],
    };
  });
}
