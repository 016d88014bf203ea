/* A fleet at rest: nothing is on its way anywhere, and the coordinator believes of each host what is so. */
import { COMPONENTS, type Component } from '@moult/core/component';
import { isUnfit, type Releases } from '../versions.ts';
import type { FleetHost } from './oracle.ts';
import type { RealCoordinator } from './real-coordinator.ts';

/** Reasons that pass by themselves: what they hold is still on its way. */
const PASSING: ReadonlySet<string> = new Set([
  'agent-down',
  'upgrading',
  'in-probation',
  'awaiting-turn',
  'retry-backoff',
]);

/** Why the fleet is not at rest; null: it is. */
export async function unrestOf(
  hosts: readonly FleetHost[],
  coordinator: RealCoordinator,
  releases: Releases,
): Promise<string | null> {
  const { process } = coordinator;
  if (process === null) return 'the coordinator does not run';
  for (const host of hosts) {
    const unrest = hostUnrest(host.world);
    if (unrest !== null) return `${host.name}: ${unrest}`;
    if (process.sessions.of(host.instanceId) === null) return `${host.name} has no session`;
    const disagreement = await disagreementOf(host, coordinator);
    if (disagreement !== null) return `${host.name}: ${disagreement}`;
  }
  const page = { agent: null, state: 'open', before: null, limit: 1_000 } as const;
  for (const command of await process.raw.read('commandPage', page)) {
    const reason = command.hold_reason;
    const release = releases.find(command.component as Component, command.version ?? '');
    // Its rehearsal fails in each of its tries, for ever: that is no way to somewhere else.
    const isPassing =
      PASSING.has(reason ?? '') && !(reason === 'retry-backoff' && isUnfit(release));
    const isStanding = command.state === 'queued' && reason !== null && !isPassing;
    if (!isStanding) return `${command.id} of ${command.agent_name} is ${command.state}: ${reason}`;
  }
  return null;
}

function hostUnrest(world: FleetHost['world']): string | null {
  const { record } = world.invariants;
  if (record === null) return 'there is no boot record';
  const { agent, launcher } = record.components;
  if (agent.trial !== null) return `${agent.trial.attemptId} is on trial`;
  if (launcher.trial !== null) return `${launcher.trial.attemptId} is on trial`;
  const { kind } = world.database.upgradeState();
  if (kind !== 'idle') return `the upgrade is ${kind}`;
  const running = [...world.agents.values()].filter(({ process }) => process.isRunning).length;
  return running === 1 ? null : `${running} agents run`;
}

async function disagreementOf(
  host: FleetHost,
  coordinator: RealCoordinator,
): Promise<string | null> {
  const view = await coordinator.process?.raw.read('agentByName', host.name);
  if (view === null || view === undefined) return 'the coordinator does not know it';
  const record = host.world.invariants.record;
  for (const component of COMPONENTS) {
    const row = view.components.find((one) => one.component === component);
    const committed = record?.components[component as Component].committed ?? null;
    const believed = row?.current_digest ?? null;
    if (component === 'launcher' && committed === null) continue;
    if (believed !== (committed?.digest ?? null)) {
      return `the coordinator believes in ${component} ${row?.current_version}, boots ${committed?.version}`;
    }
  }
  return null;
}
