import { COMPONENTS } from '@moult/core/component';
import type { InstanceComponentTable } from '../database.ts';
import { choicesOf, desiredAmong } from './choices.ts';
import { OPEN_STATES } from './command-rows.ts';
import { componentsOf } from './component-rows.ts';
import type { ReadContext } from './context.ts';
import { prepared } from './prepared.ts';

const place = prepared((db, of: { readonly instanceId: string }) =>
  db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .select(['agents.name', 'agents.group_name'])
    .where('instances.id', '=', of.instanceId),
);

const anyOpen = prepared((db, of: { readonly instanceId: string }) =>
  db
    .selectFrom('commands')
    .select('id')
    .where('instance_id', '=', of.instanceId)
    .where('state', 'in', OPEN_STATES)
    .limit(1),
);

/**
 * No command is open, and every component runs what is desired and shows what it was given: to decide about this
 * instance again would write nothing. Most of a fleet is at rest most of the time, and asks every hour.
 */
export async function isAtRest(db: ReadContext, instanceId: string): Promise<boolean> {
  const [open] = await anyOpen(db, { instanceId });
  if (open !== undefined) return false;
  const [agent] = await place(db, { instanceId });
  if (agent === undefined) return false;
  const of = { instanceId, agentName: agent.name, group: agent.group_name };
  const choices = await choicesOf(db, of);
  const rows = await componentsOf(db, instanceId);
  return COMPONENTS.every((component) => {
    const row = rows.find((one) => one.component === component) ?? null;
    const { desired } = desiredAmong(choices, { ...of, component, row, manualCommand: null });
    // A host without a launcher has none to bring anywhere; one that never said what it runs says so first.
    if (row === null) return desired === null || component === 'launcher';
    return (desired === null || row.current_version === desired.version) && showsWhatWasGiven(row);
  });
}

function showsWhatWasGiven(row: InstanceComponentTable): boolean {
  return row.given_digest === null || row.given_digest === row.attested_digest;
}
