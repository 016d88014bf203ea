import { COMPONENTS } from '@moult/core/component';
import { choicesOf, desiredAmong } from './choices.ts';
import { OPEN_STATES } from './command-rows.ts';
import type { ReadContext } from './context.ts';
import { prepared } from './prepared.ts';

/** One row a component, with its agent's name and group; none where a command is open, or there is no component. */
const withNothingOpen = prepared((db, of: { readonly instanceId: string }) =>
  db
    .selectFrom('instance_components as part')
    .innerJoin('instances', 'instances.id', 'part.instance_id')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .select([
      'agents.name',
      'agents.group_name',
      'part.component',
      'part.current_version',
      'part.given_version',
      'part.given_digest',
      'part.given_position',
      'part.since_position',
      'part.attested_digest',
    ])
    .where('part.instance_id', '=', of.instanceId)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('commands')
            .select('commands.id')
            .where('commands.instance_id', '=', of.instanceId)
            .where('commands.state', 'in', OPEN_STATES),
        ),
      ),
    ),
);

/**
 * No command is open, and every component runs what is desired and shows what it was given: to decide about this
 * instance again would write nothing. Most of a fleet is at rest most of the time, and asks every hour.
 */
export async function isAtRest(db: ReadContext, instanceId: string): Promise<boolean> {
  const rows = await withNothingOpen(db, { instanceId });
  const [first] = rows;
  // A host that never said what it runs says so first.
  if (first === undefined) return false;
  const of = { instanceId, agentName: first.name, group: first.group_name };
  const choices = await choicesOf(db, of);
  return COMPONENTS.every((component) => {
    const row = rows.find((one) => one.component === component) ?? null;
    // What a rollout has still to do with is not at rest by its choice; to decide about it again changes nothing.
    const nothingElse = { manualCommand: null, runningRollout: null };
    const { desired } = desiredAmong(choices, { ...of, component, row, ...nothingElse });
    // A host without a launcher has none to bring anywhere.
    if (row === null) return desired === null || component === 'launcher';
    const showsWhatWasGiven = row.given_digest === null || row.given_digest === row.attested_digest;
    return showsWhatWasGiven && (desired === null || row.current_version === desired.version);
  });
}
