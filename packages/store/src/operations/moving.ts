/* Which group an agent serves in (RO56). */
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { ACTIVE_STATES, type RolloutState, UNSETTLED } from '@moult/core/rollout';
import { choicesOf, chosenAmong } from './choices.ts';
import { requireGroup } from './choosing.ts';
import { IN_FLIGHT_STATES, KIND, OPEN_STATES } from './command-rows.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { agentByName, instanceById } from './instances.ts';
import { leaveOtherChoices } from './rollout/giving-way.ts';
import { lookAgain } from './settings.ts';

export interface Moving extends Order {
  readonly name: string;
  readonly group: string;
  /** The group is made where there is none of that name. */
  readonly mayMake: boolean;
}

export interface Moved {
  readonly instanceId: string;
  readonly from: string;
}

/** Rollouts that have not ended; what has is a record. */
const TO_COME: readonly RolloutState[] = ['draft', 'planning', 'pending', ...ACTIVE_STATES];

/**
 * RO56: its open commands, and its place in rollouts that are not over, go along. Throws `not-found`, and
 * `agent-in-flight` for one that takes a place of its group.
 */
export async function moveAgent(context: WriteContext, args: Moving): Promise<Moved> {
  const { name, group, nowMs, principal, why } = args;
  const { db } = context;
  const view = await agentByName(db, name);
  if (view === null) throw new CodedError('not-found', `there is no agent ${name}`);
  const { id: instanceId, group_name: from } = view.instance;
  if (from === group) return { instanceId, from };
  if (!args.mayMake) await requireKnown(db, group);
  await requireFree(db, { instanceId, name, from });
  await db
    .insertInto('groups')
    .values({ name: group, created_ms: nowMs, created_by: principal })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await db.updateTable('agents').set({ group_name: group }).where('name', '=', name).execute();
  await db
    .updateTable('commands')
    .set({ group_name: group })
    .where('agent_name', '=', name)
    .where('state', 'in', OPEN_STATES)
    .execute();
  await db
    .updateTable('rollout_members')
    .set({ group_name: group })
    .where('instance_id', '=', instanceId)
    .where(({ or, eb }) =>
      or([
        // Also of one that has ended: who was away is taken up when it comes.
        eb('state', 'in', UNSETTLED),
        eb('rollout_id', 'in', (query) =>
          query.selectFrom('rollouts').select('id').where('state', 'in', TO_COME),
        ),
      ]),
    )
    .execute();
  await lookAgain(context);
  const detail = { from, to: group };
  const about = { nowMs, principal, why, agentName: name, instanceId };
  const position = await addHistory(context, { ...about, kind: 'group-changed', detail });
  await beginChoices(context, { instanceId, name, from, to: group, position });
  const instance = await instanceById(db, instanceId);
  if (instance !== null) await leaveOtherChoices(context, { ...args, instance });
  return { instanceId, from };
}

/** Where another choice holds in the new group than in the old one, it holds from now on, however old it is. */
async function beginChoices(
  { db }: WriteContext,
  of: {
    readonly instanceId: string;
    readonly name: string;
    readonly from: string;
    readonly to: string;
    readonly position: number;
  },
): Promise<void> {
  const before = await chosenIn(db, { agentName: of.name, group: of.from });
  const after = await chosenIn(db, { agentName: of.name, group: of.to });
  for (const component of COMPONENTS) {
    if (before.get(component) === after.get(component)) continue;
    await db
      .updateTable('instance_components')
      .set({ since_position: of.position })
      .where('instance_id', '=', of.instanceId)
      .where('component', '=', component)
      .execute();
  }
}

/** Positions of the choices that hold for an agent in that group. */
async function chosenIn(
  db: ReadContext,
  of: { readonly agentName: string; readonly group: string },
): Promise<ReadonlyMap<Component, number | undefined>> {
  const choices = await choicesOf(db, of);
  return new Map(
    COMPONENTS.map((component) => [
      component,
      chosenAmong(choices, { ...of, component }).choice?.position,
    ]),
  );
}

/** A typing mistake would take it from its group's settings. */
async function requireKnown(db: ReadContext, group: string): Promise<void> {
  try {
    await requireGroup(db, group);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new CodedError(error.code, `${error.message}; a new one is made with --new`);
  }
}

/** Whoever left now would make room in a group that it still takes a place of, and take none in the other one. */
async function requireFree(
  db: ReadContext,
  of: { readonly instanceId: string; readonly name: string; readonly from: string },
): Promise<void> {
  const upgrade = await db
    .selectFrom('commands')
    .select('id')
    .where('instance_id', '=', of.instanceId)
    .where('state', 'in', IN_FLIGHT_STATES)
    .where(KIND, '=', 'autoUpgrade')
    .where('has_place', '=', 1)
    .executeTakeFirst();
  if (upgrade === undefined) return;
  throw new CodedError(
    'agent-in-flight',
    `${of.name} is being upgraded and takes a place of group ${of.from} (command ${upgrade.id})`,
  );
}
