import { type CommandKind, type OrderWarning, orderWarnings } from '@moult/core/command';
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { Pace } from '@moult/core/upgrade';
import type { Version } from '@moult/core/versions';
import type { CommandTable } from '../database.ts';
import { desiredOf } from './choices.ts';
import { requirePublished } from './choosing.ts';
import { applyEvent, OPEN_STATES, openUpgradesOf } from './command-rows.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { changesIn, hasNoLauncher } from './host-facts.ts';
import { type AgentView, agentByName, type InstanceRow } from './instances.ts';
import { preparedByNames } from './prepared.ts';

/** Long enough for a host that comes back from a holiday; an autoUpgrade is issued anew while its choice stands. */
const NOT_AFTER_MS = 30 * 86_400_000;

export interface Upgrading extends Order {
  readonly agentName: string;
  readonly component: Component;
  /** Null: the desired one. */
  readonly version: Version | null;
  readonly isForced: boolean;
  /** Absent: now. */
  readonly pace?: Pace;
  readonly key: string | null;
}

/**
 * Orders an upgrade by hand. The same key gives the same command (C6). Queued ones for the same component are skipped:
 * the newest order stands. Throws `not-found`, `no-desired-version`, `desired-version-invalid`, `launcher-missing`.
 */
export async function orderUpgrade(
  context: WriteContext,
  args: Upgrading,
): Promise<{
  readonly command: CommandTable;
  readonly isNew: boolean;
  readonly warnings: readonly OrderWarning[];
}> {
  const { instance, version, key, same, warnings } = await plannedUpgrade(context.db, args);
  if (same !== null) return { command: same, isNew: false, warnings };
  const command = await addCommand(context, {
    ...args,
    kind: 'autoUpgrade',
    instance,
    version,
    notBeforeMs: 0,
    key,
    origin: 'manual',
  });
  return { command, isNew: true, warnings };
}

export interface PlannedUpgrade {
  readonly instance: InstanceRow;
  readonly version: Version;
  readonly key: string | null;
  /** The command that the key has given before. */
  readonly same: CommandTable | null;
  readonly warnings: readonly OrderWarning[];
}

/** What an order would do, and every reason for which it would be refused: as `orderUpgrade`, which begins with it. */
export async function plannedUpgrade(db: ReadContext, args: Upgrading): Promise<PlannedUpgrade> {
  const { agentName, component } = args;
  const view = await agentByName(db, agentName);
  if (view === null) throw new CodedError('not-found', `there is no agent ${agentName}`);
  const { instance } = view;
  const warnings = warningsOf(view, component);
  const key = args.key === null ? null : `manual-${args.key}`;
  const same = key === null ? null : await commandByKey(db, { instanceId: instance.id, key });
  if (same !== null) return { instance, version: same.version, key, same, warnings };
  const version = args.version ?? (await desiredVersion(db, view, component));
  await requirePublished(db, { component, version });
  await requireNoRollout(db, { instance, component });
  if (component === 'launcher' && hasNoLauncher(instance)) {
    throw new CodedError('launcher-missing', `${agentName} runs without a launcher`);
  }
  return { instance, version, key, same, warnings };
}

/** H18: who is being upgraded by a rollout is its own until that is over. */
async function requireNoRollout(
  db: ReadContext,
  of: { readonly instance: InstanceRow; readonly component: Component },
): Promise<void> {
  const row = await db
    .selectFrom('rollout_members')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_members.rollout_id')
    .select('rollouts.name')
    .where('rollout_members.instance_id', '=', of.instance.id)
    .where('rollout_members.state', 'in', ['upgrading', 'rolling-back'])
    .where('rollouts.component', '=', of.component)
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return;
  const name = of.instance.agent_name;
  throw new CodedError(
    'rollout-owns-agent',
    `${name} is being upgraded by the rollout ${row.name}`,
    {
      remedy: `Wait for its end, or leave the agent out of it: \`moult rollouts skip ${row.name} ${name}\`, or cancel the rollout.`,
    },
  );
}

function warningsOf(view: AgentView, component: Component): readonly OrderWarning[] {
  const { instance, components } = view;
  const row = components.find((one) => one.component === component) ?? null;
  const capabilities = JSON.parse(instance.capabilities) as readonly string[];
  return orderWarnings({
    component,
    capabilities: instance.came_up_ms === null && capabilities.length === 0 ? null : capabilities,
    hasNoLauncher: hasNoLauncher(instance),
    version: row?.current_version ?? null,
    changes: changesIn(row),
  });
}

async function desiredVersion(
  db: ReadContext,
  view: NonNullable<Awaited<ReturnType<typeof agentByName>>>,
  component: Component,
): Promise<Version> {
  const { instance } = view;
  const { desired } = await desiredOf(db, {
    instanceId: instance.id,
    agentName: instance.agent_name,
    group: instance.group_name,
    component,
    row: view.components.find((row) => row.component === component) ?? null,
  });
  if (desired !== null) return desired.version;
  throw new CodedError(
    'no-desired-version',
    `no version of ${component} was chosen for ${instance.agent_name}`,
  );
}

export async function commandByKey(
  db: ReadContext,
  of: { readonly instanceId: string; readonly key: string },
): Promise<CommandTable | null> {
  const row = await db
    .selectFrom('commands')
    .selectAll()
    .where('instance_id', '=', of.instanceId)
    .where('idempotency_key', '=', of.key)
    .executeTakeFirst();
  return row ?? null;
}

export interface NewCommand extends Order {
  readonly instance: InstanceRow;
  readonly kind: CommandKind;
  readonly component: Component;
  /** Empty for all kinds but autoUpgrade. */
  readonly version: Version;
  readonly isForced: boolean;
  /** It takes back what was upgraded (R8, R9); absent: it does not. */
  readonly isRevert?: boolean;
  /** Of an autoUpgrade; absent: now. */
  readonly pace?: Pace;
  /** Wall clock, ms; 0: at once. */
  readonly notBeforeMs: number;
  readonly key: string | null;
  readonly origin: CommandTable['origin'];
  /** Of a rollout alone: which one. */
  readonly rolloutId?: string;
  /** Wall clock, ms; absent: the usual time. */
  readonly notAfterMs?: number;
  /** Of a task alone. */
  readonly task?: {
    readonly name: string;
    readonly parameters: readonly { readonly name: string; readonly value: string }[];
  };
}

/** Queues a command; an upgrade after skipping those that still wait for the component (C7: who ordered, and why, stay with each). */
export async function addCommand(context: WriteContext, args: NewCommand): Promise<CommandTable> {
  const { instance, kind, component, version, nowMs, principal, why } = args;
  const pace = args.pace ?? 'now';
  // What is only made ready says nothing of what the agent should run.
  if (kind === 'autoUpgrade' && pace !== 'fetch-only') {
    await skipQueued(context, { instanceId: instance.id, component, nowMs, principal });
  }
  const id = context.newId(nowMs);
  const position = await addHistory(context, {
    nowMs,
    kind: 'command-queued',
    principal,
    why,
    agentName: instance.agent_name,
    instanceId: instance.id,
    component,
    commandId: id,
    ...(args.rolloutId === undefined ? {} : { rolloutId: args.rolloutId }),
    detail:
      kind === 'autoUpgrade'
        ? { version, origin: args.origin, isForced: args.isForced, pace }
        : {
            kind,
            origin: args.origin,
            ...(args.task === undefined ? {} : { task: args.task.name }),
          },
  });
  const row: CommandTable = {
    id,
    kind,
    instance_id: instance.id,
    agent_name: instance.agent_name,
    group_name: instance.group_name,
    component,
    version,
    is_forced: args.isForced ? 1 : 0,
    is_revert: args.isRevert === true ? 1 : 0,
    state: 'queued',
    hold_reason: null,
    host_hold_reason: null,
    attempt: 1,
    nonce: context.newNonce(),
    not_before_ms: args.notBeforeMs,
    not_after_ms: args.notAfterMs ?? nowMs + NOT_AFTER_MS,
    origin: args.origin,
    idempotency_key: args.key,
    position,
    created_ms: nowMs,
    created_by: principal,
    why,
    sent_ms: null,
    ended_ms: null,
    outcome: null,
    code: null,
    message: null,
    revision: 0,
    task: args.task?.name ?? null,
    parameters: args.task === undefined ? null : JSON.stringify(args.task.parameters),
    pace,
    has_place: pace === 'now' ? 1 : 0,
    host_ended_ms: null,
    rollout_id: args.rolloutId ?? null,
  };
  await insertCommand(context.db, row);
  return row;
}

const insertCommand = preparedByNames((db, row: CommandTable) =>
  db.insertInto('commands').values(row),
);

/** Only what was never sent: what may be on the host ends by the host's word, or by a revocation. */
export async function skipQueued(
  context: WriteContext,
  args: {
    readonly instanceId: string;
    readonly component: Component;
    readonly nowMs: number;
    readonly principal: string;
  },
): Promise<void> {
  const rows = await openUpgradesOf(context.db, args.instanceId);
  for (const row of rows) {
    if (row.component !== args.component || row.state !== 'queued') continue;
    const message = 'a newer order stands';
    await applyEvent(context, row, {
      event: 'skipped',
      nowMs: args.nowMs,
      ending: { outcome: 'skipped', code: null, message, principal: args.principal },
    });
  }
}

export async function commandById(db: ReadContext, id: string): Promise<CommandTable | null> {
  const row = await db.selectFrom('commands').selectAll().where('id', '=', id).executeTakeFirst();
  return row ?? null;
}

/** Those that there are, in no order; at most 1,000 ids at a time. */
export async function commandsByIds(
  db: ReadContext,
  ids: readonly string[],
): Promise<readonly CommandTable[]> {
  if (ids.length === 0) return [];
  return db
    .selectFrom('commands')
    .selectAll()
    .where('id', 'in', [...ids])
    .execute();
}

export interface CommandPage {
  readonly agent: string | null;
  readonly state: 'open' | 'ended' | 'all';
  readonly before: string | null;
  readonly limit: number;
}

/** Newest first. */
export async function commandPage(
  db: ReadContext,
  page: CommandPage,
): Promise<readonly CommandTable[]> {
  let query = db.selectFrom('commands').selectAll().orderBy('id', 'desc').limit(page.limit);
  if (page.agent !== null) query = query.where('agent_name', '=', page.agent);
  if (page.before !== null) query = query.where('id', '<', page.before);
  if (page.state === 'open') query = query.where('state', 'in', OPEN_STATES);
  if (page.state === 'ended') query = query.where('state', 'not in', OPEN_STATES);
  return query.execute();
}
