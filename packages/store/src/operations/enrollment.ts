import { CodedError } from '@moult/core/errors';
import type { InstanceTable, TokenTable } from '../database.ts';
import type { WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { livingInstances, removeReplaced } from './identities.ts';

export interface Enrolling {
  readonly tokenId: string;
  readonly secretHash: string;
  readonly publicKey: string;
  readonly name: string;
  readonly platform: string;
  readonly bindsChannel: boolean;
  readonly nowMs: number;
}

export interface Enrolled {
  readonly instanceId: string;
  readonly name: string;
  readonly group: string;
  readonly isValidated: boolean;
  readonly bindsChannel: boolean;
  /** False: the same key asked again. */
  readonly isNew: boolean;
  /** Instances that it took the place of: their sessions end. */
  readonly replaced: readonly string[];
}

/**
 * A token for an identity, in one transaction, so that of two at once one wins. Throws `token-invalid`, `token-revoked`,
 * `token-expired`, `token-used`, `key-enrolled`, `key-decommissioned`, `name-taken`.
 */
export async function enroll(context: WriteContext, given: Enrolling): Promise<Enrolled> {
  const { db } = context;
  const token = await db
    .selectFrom('tokens')
    .selectAll()
    .where('id', '=', given.tokenId)
    .where('secret_hash', '=', given.secretHash)
    .where('kind', '=', 'enrollment')
    .executeTakeFirst();
  if (token === undefined)
    throw new CodedError('token-invalid', 'this is no enrollment token of this coordinator');
  const again = await enrolledBefore(context, given);
  if (again !== null) return again;
  requireUsable(token, given.nowMs);
  // The token of a host that was made anew says whose place it takes, whatever the host calls itself.
  const args = { ...given, name: token.replaces ?? given.name };
  const instanceId = context.newId(args.nowMs);
  const replaced = await makePlace(context, { args, token, instanceId });
  const group = await takeName(context, { args, token });
  await db.insertInto('instances').values(newInstance(args, { instanceId, token })).execute();
  await db
    .insertInto('token_uses')
    .values({
      token_id: token.id,
      public_key: args.publicKey,
      instance_id: instanceId,
      used_ms: args.nowMs,
    })
    .execute();
  await useUp(context, token);
  await addHistory(context, {
    nowMs: args.nowMs,
    kind: 'enrolled',
    principal: token.created_by,
    why: token.why,
    agentName: args.name,
    instanceId,
    detail: { token: token.id, group, validated: token.validates === 1, platform: args.platform },
  });
  return {
    instanceId,
    name: args.name,
    group,
    isValidated: token.validates === 1,
    bindsChannel: args.bindsChannel,
    isNew: true,
    replaced,
  };
}

async function useUp(context: WriteContext, token: TokenTable): Promise<void> {
  if (token.uses_left === null) return;
  await context.db
    .updateTable('tokens')
    .set({ uses_left: token.uses_left - 1 })
    .where('id', '=', token.id)
    .execute();
}

/** RS10: never two living hosts of one name. Gives the instances that have gone for this one. */
async function makePlace(
  context: WriteContext,
  of: { readonly args: Enrolling; readonly token: TokenTable; readonly instanceId: string },
): Promise<readonly string[]> {
  const { args, token } = of;
  if (token.replaces === null) {
    await requireFree(context, args);
    return [];
  }
  return removeReplaced(context, {
    name: args.name,
    instanceId: of.instanceId,
    nowMs: args.nowMs,
    principal: token.created_by,
    why: token.why,
  });
}

/** Its group. A name that is known already keeps its own, with its history. */
async function takeName(
  context: WriteContext,
  of: { readonly args: Enrolling; readonly token: TokenTable },
): Promise<string> {
  const { args, token } = of;
  const { db } = context;
  const known = await db
    .selectFrom('agents')
    .select('group_name')
    .where('name', '=', args.name)
    .executeTakeFirst();
  const group = known?.group_name ?? token.group_name ?? 'default';
  // Also of a name that is known: its group may have been removed since.
  await db
    .insertInto('groups')
    .values({ name: group, created_ms: args.nowMs, created_by: token.created_by })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  if (known !== undefined) return group;
  await db
    .insertInto('agents')
    .values({ name: args.name, group_name: group, labels: '{}', created_ms: args.nowMs })
    .execute();
  return group;
}

/** The answer may have been lost: the same key with the same token gets the same identity again. */
async function enrolledBefore(context: WriteContext, args: Enrolling): Promise<Enrolled | null> {
  const row = await context.db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .select(['id', 'agent_name', 'group_name', 'validated_ms', 'binds_channel', 'enrolled_with'])
    .select('role')
    .where('public_key', '=', args.publicKey)
    .executeTakeFirst();
  if (row === undefined) return null;
  if (row.role === 'removed') {
    throw new CodedError('key-decommissioned', `this key was of ${row.agent_name}, and is refused`);
  }
  if (row.enrolled_with !== args.tokenId) {
    throw new CodedError('key-enrolled', `this key is enrolled as ${row.agent_name}`);
  }
  return {
    instanceId: row.id,
    name: row.agent_name,
    group: row.group_name,
    isValidated: row.validated_ms !== null,
    bindsChannel: row.binds_channel === 1,
    isNew: false,
    replaced: [],
  };
}

function requireUsable(token: TokenTable, nowMs: number): void {
  if (token.revoked_ms !== null) throw new CodedError('token-revoked', 'this token was revoked');
  if (token.expires_ms !== null && token.expires_ms <= nowMs) {
    throw new CodedError('token-expired', 'this token has expired');
  }
  if (token.uses_left === 0) throw new CodedError('token-used', 'this token was used up');
}

/** Redundant instances will share a name by their own way of enrolling; until then a name is one host. */
async function requireFree(context: WriteContext, args: Enrolling): Promise<void> {
  if ((await livingInstances(context.db, args.name)).length > 0) {
    throw new CodedError('name-taken', `there is an agent ${args.name} already`);
  }
}

function newInstance(
  args: Enrolling,
  made: { readonly instanceId: string; readonly token: TokenTable },
): InstanceTable {
  const validates = made.token.validates === 1;
  return {
    id: made.instanceId,
    agent_name: args.name,
    public_key: args.publicKey,
    role: 'active',
    platform: args.platform,
    binds_channel: args.bindsChannel ? 1 : 0,
    enrolled_ms: args.nowMs,
    enrolled_with: made.token.id,
    validated_by: validates ? made.token.created_by : null,
    validated_ms: validates ? args.nowMs : null,
    validated_why: validates ? `token ${made.token.id}` : null,
    quarantined_ms: null,
    quarantined_why: null,
    session_counter: 0,
    session_ticket: '',
    session_previous_ticket: '',
    capabilities: '[]',
    facts: '[]',
    boot_id: '',
    last_seen_ms: null,
    state: 'Up',
    marks: '[]',
    is_idle: 1,
    upgrade: null,
    upgrade_since_ms: null,
    output_epoch: '',
    output_sequence: 0,
    revision: 0,
    came_up_ms: null,
    generation: 1,
    removed_ms: null,
    removed_by: null,
    removed_why: null,
    ahead_generation: 0,
    ahead_position: null,
    settled_ms: null,
    tasks: '',
    configuration_trouble: '',
    output_bytes: 0,
    kept: '',
    host_labels: '{}',
  };
}
