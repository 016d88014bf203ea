/* Versions are chosen, and what follows from it happens. */
import type { DesiredScope } from '@moult/core/desired';
import type { Version } from '@moult/core/versions';
import type { Store } from '../../src/index.ts';
import type { Fleet } from './rollout-fleet.ts';
import { NOW, order } from './rows.ts';

/** For a group, `agent NAME`, or null, which is the fleet. Gives the name of the rollout that it makes, which is the fleet's from then on. */
export async function choose(
  store: Store,
  fleet: Fleet,
  whom: string | null,
  version: Version | null,
): Promise<string | null> {
  const [, name] = /^agent (.+)$/.exec(whom ?? '') ?? [];
  const scope: DesiredScope = whom === null ? 'fleet' : name === undefined ? 'group' : 'agent';
  const choosing = {
    ...{ ...order, scope, subject: name ?? whom ?? '', version },
    component: 'agent',
  } as const;
  if (scope === 'agent') await store.write('choose', choosing);
  const rollout =
    scope === 'agent'
      ? null
      : (await store.write('chooseForMany', { ...choosing, connected: fleet.ids() })).rollout;
  await issue(store, fleet);
  if (rollout === null) return null;
  fleet.rollout = rollout.id;
  await fleet.step();
  return rollout.name;
}

/** What is ordered by it: agent and version. */
export async function issue(store: Store, fleet: Fleet): Promise<readonly string[]> {
  const issued = await store.write('issueWanted', { instanceIds: fleet.ids(), nowMs: NOW });
  return issued.map(({ agent_name: name, version }) => `${name} ${version}`);
}
