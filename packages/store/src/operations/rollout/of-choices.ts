/*
 * A choice for a group or the fleet makes a rollout of its own, in the transaction that writes it (R15): of all whom it concerns and who do not
 * run it, by the settings of the group or the fleet. What an earlier choice had begun of nobody gives way to it, so that it never
 * fails for being the second; whom another rollout is working on stays with that one, and follows later (RO51 to RO54).
 */
import { OUTDATED } from '@moult/core/command';
import type { Component } from '@moult/core/component';
import type { DesiredScope } from '@moult/core/desired';
import { CodedError } from '@moult/core/errors';
import { isActive, type RolloutSpec, readSpec } from '@moult/core/rollout';
import { specByPolicy } from '@moult/core/settings';
import type { Version } from '@moult/core/versions';
import type { RolloutTable } from '../../rollout-tables.ts';
import { type Choosing, choose } from '../choosing.ts';
import type { ReadContext, WriteContext } from '../context.ts';
import { prepared } from '../prepared.ts';
import { policyFor } from '../settings.ts';
import { claimed, isClaimed } from './claims.ts';
import { supersede } from './giving-way.ts';
import { addLateMember } from './late-joiners.ts';
import { createRollout } from './making.ts';
import { freeRolloutName, moveMember } from './rows.ts';
import { needsSecondPrincipal } from './second-principal.ts';
import { startRollout } from './starting.ts';

export interface Chosen {
  readonly position: number;
  /** Null: nothing is wanted, settings say so, or nobody would be upgraded by it. */
  readonly rollout: RolloutTable | null;
}

export interface ChoosingForMany extends Choosing {
  readonly connected: readonly string[];
}

/** Of one query: engines limit their parameters. */
const CHUNK = 500;
const NO_CODE = { code: null, message: null } as const;

/** For one agent: it makes no rollout. Throws what choosing throws; gives the position of the choice. */
export async function chooseAlone(context: WriteContext, args: Choosing): Promise<number> {
  return (await chosen(context, args)).position;
}

async function chosen(context: WriteContext, args: Choosing) {
  const position = await choose(context, args);
  const concerned = await concernedBy(context.db, args);
  await supersede(context, { ...args, concerned });
  return { position, concerned };
}

/** Throws what choosing throws, and `setting-invalid`. */
export async function chooseForMany(context: WriteContext, args: ChoosingForMany): Promise<Chosen> {
  const { position, concerned } = await chosen(context, args);
  const { scope, subject } = args;
  const version = args.version ?? (await fartherChoice(context.db, args));
  const policy = await policyFor(context.db, { group: scope === 'group' ? subject : null });
  if (version === null || !policy.rollsOut) return { position, rollout: null };
  const what = { component: args.component, version };
  const spec = specByPolicy(policy, what, { bySelector: false });
  const rollout = await rolloutFor(context, { ...args, spec, position, concerned });
  if (rollout === null) return { position, rollout };
  const isHeld = !policy.startsByItself || (await needsSecondPrincipal(context.db, rollout));
  if (isHeld) return { position, rollout };
  const { nowMs, principal, why } = args;
  const order = { rollout: rollout.id, nowMs, principal, why };
  return { position, rollout: await startRollout(context, order) };
}

/** Those without a nearer choice. */
async function concernedBy(
  db: ReadContext,
  of: { readonly scope: DesiredScope; readonly subject: string; readonly component: Component },
): Promise<readonly Concerned[]> {
  const { scope, subject, component } = of;
  const nearer = await db
    .selectFrom('choices')
    .select(['scope', 'subject'])
    .where('component', '=', component)
    .execute();
  const has = new Set(nearer.map((row) => `${row.scope} ${row.subject}`));
  const rows = await db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .select([
      'instances.id as instanceId',
      'instances.state',
      'instances.marks',
      'instances.validated_ms as validatedMs',
      'instances.quarantined_ms as quarantinedMs',
      'agents.name as agentName',
      'agents.group_name as group',
    ])
    .where('instances.role', '<>', 'removed')
    .$if(scope === 'agent', (query) => query.where('agents.name', '=', subject))
    .$if(scope === 'group', (query) => query.where('agents.group_name', '=', subject))
    .execute();
  return rows.filter(
    ({ agentName, group }) =>
      (scope === 'agent' || !has.has(`agent ${agentName}`)) &&
      (scope !== 'fleet' || !has.has(`group ${group}`)),
  );
}

interface Concerned {
  readonly instanceId: string;
  readonly state: string;
  readonly marks: string;
  readonly validatedMs: number | null;
  readonly quarantinedMs: number | null;
}

/** What is wanted once a choice was taken back. */
async function fartherChoice(
  db: ReadContext,
  of: { readonly scope: DesiredScope; readonly component: Component },
): Promise<Version | null> {
  if (of.scope !== 'group') return null;
  const row = await db
    .selectFrom('choices')
    .select('version')
    .where('scope', '=', 'fleet')
    .where('subject', '=', '')
    .where('component', '=', of.component)
    .executeTakeFirst();
  return row?.version ?? null;
}

/** RO51; null: nobody would be upgraded. */
async function rolloutFor(
  context: WriteContext,
  of: ChoosingForMany & {
    readonly spec: RolloutSpec;
    readonly position: number;
    readonly concerned: readonly Concerned[];
  },
): Promise<RolloutTable | null> {
  const { spec, position, scope, subject, nowMs, principal, why } = of;
  const busy = await busyElsewhere(context.db, of);
  const connected = new Set(of.connected);
  const agents = of.concerned
    .filter((one) => isGood(one) && !busy.has(one.instanceId))
    .map((one) => ({
      instanceId: one.instanceId,
      isConnected: connected.has(one.instanceId),
      // Who could begin now goes first: a canary that waits for its owner tells nothing.
      isHeld: one.state !== 'Up' || one.marks !== '[]',
    }));
  const whom = scope === 'group' ? subject : scope;
  const base = `${whom}-${spec.component}-${spec.version.replaceAll('+', '-')}`;
  const name = await freeRolloutName(context.db, { wanted: null, base });
  try {
    return await createRollout(context, {
      ...{ spec, name, selector: null, agents, nowMs, principal, why },
      extras: { origin: 'choice', choice_position: position },
    });
  } catch (caught) {
    // Found before anything is written. Who could not go, or comes later, is told of it one by one.
    if (caught instanceof CodedError && caught.code === 'rollout-empty') return null;
    throw caught;
  }
}

function isGood({ validatedMs, quarantinedMs }: Concerned): boolean {
  return validatedMs !== null && quarantinedMs === null;
}

/** RO8: whom another active rollout has still to do with stays there. */
async function busyElsewhere(
  db: ReadContext,
  of: { readonly component: Component; readonly concerned: readonly Concerned[] },
): Promise<ReadonlySet<string>> {
  const busy = new Set<string>();
  for (let from = 0; from < of.concerned.length; from += CHUNK) {
    const ids = of.concerned.slice(from, from + CHUNK).map(({ instanceId }) => instanceId);
    const rows = await claimed(db, of.component)
      .select('rollout_members.instance_id')
      .where('rollout_members.instance_id', 'in', ids)
      .execute();
    for (const row of rows) busy.add(row.instance_id);
  }
  return busy;
}

const rolloutOfChoice = prepared(
  (db, of: { readonly position: number; readonly since: number; readonly component: Component }) =>
    db
      .selectFrom('rollouts')
      .selectAll()
      .where('choice_position', 'in', [of.position, of.since])
      .where('component', '=', of.component)
      .orderBy('choice_position', 'desc'),
);

/**
 * RO54: how an agent comes to a version that was chosen before it was concerned, or while it was on another way. `command`:
 * there is no rollout of that choice, or it has ended, and has not come to its own end with this agent.
 */
export async function wayOfChoice(
  context: WriteContext,
  of: {
    readonly instanceId: string;
    readonly component: Component;
    /** Of the choice itself. */
    readonly position: number;
    /** From which it holds for this agent. */
    readonly since: number;
    readonly nowMs: number;
  },
): Promise<'command' | 'none'> {
  const { instanceId, nowMs } = of;
  const [row] = await rolloutOfChoice(context.db, of);
  if (row === undefined) return 'command';
  const member = await context.db
    .selectFrom('rollout_members')
    .selectAll()
    .where('rollout_id', '=', row.id)
    .where('instance_id', '=', instanceId)
    .executeTakeFirst();
  const hasLeft = member?.code === OUTDATED;
  // Nobody has stopped what gave way: where that choice holds again, it holds for everybody.
  if (row.state === 'ended' || row.outcome === 'superseded') {
    // Done, and seen with another version since: it was not the rollout that took it there.
    return member === undefined || member.state === 'done' || hasLeft ? 'command' : 'none';
  }
  const spec = readSpec(row.spec);
  if (spec === null || !(isActive(row.state) || row.state === 'pending')) return 'none';
  const isJoining =
    member === undefined
      ? await addLateMember(context, { row, spec, instanceId, isConnected: true, nowMs })
      : hasLeft && !(await isClaimed(context.db, of));
  if (isJoining && member !== undefined)
    await moveMember(context, member, { state: 'waiting', nowMs, set: NO_CODE });
  if (isJoining && row.state === 'pending') await forgetApproval(context, row);
  return 'none';
}

/** RO42: whoever approved its start did so for others. */
async function forgetApproval(context: WriteContext, row: RolloutTable): Promise<void> {
  if (row.approved_by === null) return;
  const set = { approved_by: null, approved_ms: null, revision: row.revision + 1 };
  await context.db.updateTable('rollouts').set(set).where('id', '=', row.id).execute();
}
