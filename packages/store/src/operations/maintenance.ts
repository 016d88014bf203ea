/*
 * Maintenance (R22): an upgrade of the coordinator and upgrades of agents keep apart. It is ordered, and stays until it is ended; or it
 * follows from a start with another version than before, and ends when those that were upgrading have come, or could have.
 */
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { Version } from '@moult/core/versions';
import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { IN_FLIGHT_STATES, KIND } from './command-rows.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { prepared } from './prepared.ts';

/** Who has not come by then is away: what it does is known no better for any wait that a fleet can bear. */
const SETTLING_MS_MAX = 600_000;
/** Of those that stand against it, so many are named. */
const NAMED_MAX = 3;
/** Told at once; a fleet that has more in flight says how many. */
const IN_FLIGHT_TOLD_MAX = 100;

const ORDERED = 'maintenance';
const LAST_VERSION = 'version';
const SETTLING_SINCE = 'settling-since';
const KEYS = [ORDERED, SETTLING_SINCE];

export interface OrderedMaintenance {
  readonly sinceMs: number;
  readonly by: string;
  readonly why: string;
}

export interface InFlightUpgrade {
  readonly agentName: string;
  readonly component: Component;
  readonly version: Version;
  readonly commandId: string;
}

export interface Maintenance {
  /** Null: nobody ordered it. */
  readonly ordered: OrderedMaintenance | null;
  /** Since when a coordinator of another version waits for those that were upgrading; null: it does not. */
  readonly settlingSinceMs: number | null;
  readonly inFlight: readonly InFlightUpgrade[];
  readonly inFlightCount: number;
}

const rowsOf = prepared((db, _: object) =>
  db.selectFrom('meta').select(['key', 'value']).where('key', 'in', KEYS),
);

/** C24: no upgrade is sent. */
export async function isInMaintenance(db: ReadContext, nowMs: number): Promise<boolean> {
  const rows = await rowsOf(db, {});
  if (rows.some(({ key }) => key === ORDERED)) return true;
  return (await settlingSince(db, { rows, nowMs })) !== null;
}

export async function maintenance(
  db: ReadContext,
  { nowMs }: { readonly nowMs: number },
): Promise<Maintenance> {
  const rows = await rowsOf(db, {});
  const ordered = rows.find(({ key }) => key === ORDERED);
  const inFlight = await upgradesInFlight(db)
    .select(['agent_name as agentName', 'component', 'version', 'commands.id as commandId'])
    .orderBy('agent_name')
    .limit(IN_FLIGHT_TOLD_MAX)
    .execute();
  return {
    ordered: ordered === undefined ? null : (JSON.parse(ordered.value) as OrderedMaintenance),
    settlingSinceMs: await settlingSince(db, { rows, nowMs }),
    inFlight,
    inFlightCount: await countInFlight(db),
  };
}

export interface SettingMaintenance extends Order {
  readonly isOn: boolean;
  /** Begins with agents in flight too: nobody else starts, and whoever asked waits for those. */
  readonly waits: boolean;
}

/** Again is no error: the first order stands. Throws `agents-in-flight`. */
export async function setMaintenance(
  context: WriteContext,
  args: SettingMaintenance,
): Promise<null> {
  const { isOn, waits, nowMs, principal, why } = args;
  const { ordered, settlingSinceMs, inFlight, inFlightCount } = await maintenance(context.db, args);
  if (isOn && ordered === null && !waits && inFlightCount > 0) {
    const names = inFlight.slice(0, NAMED_MAX).map(({ agentName }) => agentName);
    const more = inFlightCount > NAMED_MAX ? ` and ${inFlightCount - NAMED_MAX} more` : '';
    throw new CodedError(
      'agents-in-flight',
      `${names.join(', ')}${more} ${inFlightCount === 1 ? 'is' : 'are'} upgrading`,
    );
  }
  const isSo = isOn ? ordered !== null : ordered === null && settlingSinceMs === null;
  if (isSo) return null;
  const detail = { inFlight: inFlightCount };
  const kind = isOn ? 'maintenance-began' : 'maintenance-ended';
  await addHistory(context, { nowMs, kind, principal, why, detail });
  const since: OrderedMaintenance = { sinceMs: nowMs, by: principal, why };
  if (isOn) await setMeta(context.db, ORDERED, JSON.stringify(since));
  else await context.db.deleteFrom('meta').where('key', 'in', KEYS).execute();
  return null;
}

/** C24: a coordinator that begins with another version than before, with agents in flight, hears from these before it sends others. */
export async function noteVersion(
  context: WriteContext,
  of: { readonly version: string; readonly nowMs: number },
): Promise<void> {
  const { version, nowMs } = of;
  const last = await context.db
    .selectFrom('meta')
    .select('value')
    .where('key', '=', LAST_VERSION)
    .executeTakeFirst();
  if (last?.value === version) return;
  await setMeta(context.db, LAST_VERSION, version);
  if (last === undefined || (await countInFlight(context.db)) === 0) return;
  await setMeta(context.db, SETTLING_SINCE, String(nowMs));
}

/** Null: all that were in flight have come since, or had the time for it. */
async function settlingSince(
  db: ReadContext,
  of: {
    readonly rows: readonly { readonly key: string; readonly value: string }[];
    readonly nowMs: number;
  },
): Promise<number | null> {
  const row = of.rows.find(({ key }) => key === SETTLING_SINCE);
  if (row === undefined) return null;
  const sinceMs = Number(row.value);
  if (of.nowMs - sinceMs >= SETTLING_MS_MAX) return null;
  const unheard = await upgradesInFlight(db)
    .innerJoin('instances', 'instances.id', 'commands.instance_id')
    .select('commands.id')
    .where('commands.created_ms', '<=', sinceMs)
    .where(({ or, eb }) =>
      or([eb('instances.last_seen_ms', 'is', null), eb('instances.last_seen_ms', '<=', sinceMs)]),
    )
    .executeTakeFirst();
  return unheard === undefined ? null : sinceMs;
}

function upgradesInFlight(db: ReadContext) {
  return db
    .selectFrom('commands')
    .where('commands.state', 'in', IN_FLIGHT_STATES)
    .where(KIND, '=', 'autoUpgrade');
}

async function countInFlight(db: ReadContext): Promise<number> {
  const { count } = await upgradesInFlight(db)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

async function setMeta(db: Kysely<Database>, key: string, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute();
}
