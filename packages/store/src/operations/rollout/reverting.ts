/* Taking back what a rollout has upgraded (R9): ordinary rollouts, one for each version that is gone back to. */
import type { HoldReason } from '@moult/core/command';
import { CodedError } from '@moult/core/errors';
import type { RolloutSpec } from '@moult/core/rollout';
import type { Version } from '@moult/core/versions';
import type { RolloutTable } from '../../rollout-tables.ts';
import { requirePublished } from '../choosing.ts';
import type { Order, ReadContext, WriteContext } from '../context.ts';
import { isPublished } from '../releases.ts';
import { createRollout } from './making.ts';
import type { Asked } from './plan-rows.ts';
import { rolloutOf } from './rows.ts';

/** Of those that cannot, so many are named. */
const NAMED_MAX = 5;

export interface RolloutRevert extends Order {
  readonly rollout: string;
  /** Null: each to what it ran before. */
  readonly version: Version | null;
  /** How the rollouts go on; component and version are those of what is taken back. */
  readonly spec: RolloutSpec;
  /** Who of those that it has upgraded is connected. */
  readonly agents: Asked;
  readonly name: string | null;
  readonly key: string | null;
}

export interface Reverted {
  readonly rollouts: readonly RolloutTable[];
  readonly cannot: readonly { readonly agent: string; readonly reason: HoldReason }[];
}

interface Upgraded {
  readonly instanceId: string;
  readonly agentName: string;
  /** Null: nobody knows. */
  readonly former: Version | null;
  readonly current: Version | null;
}

/** Those that a rollout has brought to its version, in their order. Throws `not-found`. */
export async function upgradedBy(db: ReadContext, idOrName: string): Promise<readonly Upgraded[]> {
  const row = await rolloutOf(db, idOrName);
  return await db
    .selectFrom('rollout_members as own')
    .leftJoin('commands', 'commands.id', 'own.command_id')
    .leftJoin('attempts', (join) =>
      join
        .onRef('attempts.command_id', '=', 'commands.id')
        .onRef('attempts.attempt', '=', 'commands.attempt'),
    )
    .leftJoin('instance_components as now', (join) =>
      join.onRef('now.instance_id', '=', 'own.instance_id').on('now.component', '=', row.component),
    )
    .select([
      'own.instance_id as instanceId',
      'own.agent_name as agentName',
      // What the attempt left is nearer the truth than what was planned.
      ({ fn }) => fn.coalesce('attempts.from_version', 'own.from_version').as('former'),
      'now.current_version as current',
    ])
    .where('own.rollout_id', '=', row.id)
    .where('own.state', '=', 'done')
    .orderBy('own.place')
    .execute();
}

/**
 * RO45. Throws `rollout-state` for one that goes on, or never began; `desired-version-invalid`; `rollout-empty` where nobody can
 * be taken back.
 */
export async function revertRollout(context: WriteContext, args: RolloutRevert): Promise<Reverted> {
  const { db } = context;
  const row = await rolloutOf(db, args.rollout);
  const same = await madeBefore(db, row, args.key);
  if (same.length > 0) return { rollouts: same, cannot: [] };
  requireStill(row);
  if (args.version !== null)
    await requirePublished(db, { component: row.component, version: args.version });
  const { groups, cannot } = await sorted(db, row, args);
  const rollouts: RolloutTable[] = [];
  for (const [version, members] of groups) {
    const agents = members.map(({ instanceId }) => ({
      instanceId,
      isConnected: args.agents.some((one) => one.instanceId === instanceId && one.isConnected),
    }));
    const base = args.name ?? `${row.name}-revert`;
    rollouts.push(
      await createRollout(context, {
        ...{ nowMs: args.nowMs, principal: args.principal },
        why: args.why === '' ? `takes back ${row.name}` : args.why,
        spec: { ...args.spec, component: row.component, version },
        ...{ name: null, selector: null, agents },
        baseName: groups.size === 1 ? base : `${base}-${version}`,
        key: args.key === null ? null : `${args.key} ${version}`,
        extras: { origin: 'revert', reverts: row.id },
      }),
    );
  }
  if (rollouts.length > 0) return { rollouts, cannot };
  throw new CodedError('rollout-empty', nobodyText(row, cannot));
}

function nobodyText(row: RolloutTable, cannot: Reverted['cannot']): string {
  if (cannot.length === 0) return `${row.name} has upgraded nobody: there is nothing to take back`;
  const named = cannot.slice(0, NAMED_MAX).map(({ agent, reason }) => `${agent} (${reason})`);
  const more = cannot.length > NAMED_MAX ? ` and ${cannot.length - NAMED_MAX} more` : '';
  return `nobody of ${row.name} can be taken back: ${named.join(', ')}${more}`;
}

/** What it goes on with would be taken back, too, while it still gives it. */
function requireStill({ name, state }: RolloutTable): void {
  if (state === 'running')
    throw new CodedError(
      'rollout-state',
      `${name} is running: it would go on with what is taken back`,
      { remedy: `Stop it first: \`moult rollouts cancel ${name}\`, or \`pause ${name}\`.` },
    );
  if (state === 'draft' || state === 'planning' || state === 'pending')
    throw new CodedError('rollout-state', `${name} is ${state}: it has upgraded nobody`, {
      remedy: `It can be cancelled: \`moult rollouts cancel ${name}\`.`,
    });
}

async function madeBefore(
  db: ReadContext,
  row: RolloutTable,
  key: string | null,
): Promise<readonly RolloutTable[]> {
  if (key === null) return [];
  const rows = await db
    .selectFrom('rollouts')
    .selectAll()
    .where('reverts', '=', row.id)
    .where('idempotency_key', 'is not', null)
    .orderBy('id')
    .execute();
  return rows.filter((one) => one.idempotency_key?.startsWith(`${key} `));
}

/** By the version that they go back to, those of most agents first. */
async function sorted(
  db: ReadContext,
  row: RolloutTable,
  { version }: RolloutRevert,
): Promise<{
  readonly groups: ReadonlyMap<Version, readonly Upgraded[]>;
  readonly cannot: Reverted['cannot'];
}> {
  const groups = new Map<Version, Upgraded[]>();
  const cannot: { readonly agent: string; readonly reason: HoldReason }[] = [];
  const published = new Map<Version, boolean>();
  for (const one of await upgradedBy(db, row.id)) {
    const to = version ?? one.former;
    if (to !== null && !published.has(to))
      published.set(to, await isPublished(db, { component: row.component, version: to }));
    const reason = reasonAgainst(row, {
      ...one,
      to,
      isPublished: published.get(to ?? '') === true,
    });
    if (reason !== null) cannot.push({ agent: one.agentName, reason });
    else if (to !== null) groups.set(to, [...(groups.get(to) ?? []), one]);
  }
  const bySize = [...groups].sort(([, a], [, b]) => b.length - a.length);
  return { groups: new Map(bySize), cannot };
}

function reasonAgainst(
  row: RolloutTable,
  of: Upgraded & { readonly to: Version | null; readonly isPublished: boolean },
): HoldReason | null {
  if (of.to === null || of.to === row.version) return 'former-unknown';
  // Somebody has brought it on since: what runs there is not this rollout's.
  if (of.current !== row.version) return 'moved-on';
  return of.isPublished ? null : 'release-withdrawn';
}
