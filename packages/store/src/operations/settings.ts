/* Settings that operators edit (core/settings): what was set, for the fleet and for groups; what nobody set is the default. */
import { CodedError } from '@moult/core/errors';
import {
  type Policy,
  policyOf,
  SETTINGS,
  type SettingInForce,
  type SettingValues,
  settingInForce,
  settingNamed,
  settingValue,
} from '@moult/core/settings';
import type { SettingTable } from '../database.ts';
import { requireGroup } from './choosing.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';

/** Of one query: engines limit their parameters. */
const CHUNK = 500;
/** In `group_name`: the fleet's. */
export const FLEET = '';

export interface SettingView extends SettingInForce {
  /** Null: it is the default. */
  readonly row: SettingTable | null;
}

/** All, in the order of core; of a group with what it has of its own. */
export async function settings(
  db: ReadContext,
  of: { readonly group: string | null },
): Promise<readonly SettingView[]> {
  const rows = await rowsFor(db, of.group);
  const values = valuesIn(rows);
  return SETTINGS.map((setting) => {
    const inForce = settingInForce(setting, values);
    const at = inForce.from === 'group' ? of.group : FLEET;
    const row =
      inForce.from === 'default'
        ? undefined
        : rows.find(({ key, group_name: name }) => key === setting.key && name === at);
    return { ...inForce, row: row ?? null };
  });
}

/** Throws `setting-invalid` for what another version has stored. */
export async function policyFor(
  db: ReadContext,
  of: { readonly group: string | null },
): Promise<Policy> {
  return policyOf(valuesIn(await rowsFor(db, of.group)));
}

/** Those of the group, where all are of one; else the fleet's. */
export async function policyForAgents(
  db: ReadContext,
  of: { readonly instanceIds: readonly string[] },
): Promise<Policy> {
  const groups = new Set<string>();
  for (let from = 0; from < of.instanceIds.length && groups.size < 2; from += CHUNK) {
    const rows = await db
      .selectFrom('instances')
      .innerJoin('agents', 'agents.name', 'instances.agent_name')
      .select('agents.group_name')
      .distinct()
      .where('instances.id', 'in', of.instanceIds.slice(from, from + CHUNK))
      .execute();
    for (const { group_name: name } of rows) groups.add(name);
  }
  const [first, ...others] = groups;
  return policyFor(db, { group: others.length === 0 ? (first ?? null) : null });
}

export interface ChangingSetting extends Order {
  readonly key: string;
  /** Null: the fleet's. */
  readonly group: string | null;
  /** Null: as if nobody had set it. */
  readonly value: string | null;
}

/** Again is no error, and no history. Throws `setting-unknown`, `setting-invalid`, `not-found` for an unknown group. */
export async function changeSetting(context: WriteContext, args: ChangingSetting): Promise<null> {
  const { key, group, nowMs, principal, why } = args;
  const setting = settingNamed(key);
  if (group !== null && !setting.isOfGroups)
    throw new CodedError('setting-invalid', `${key} is of the fleet, and a group has none`);
  if (group !== null) await requireGroup(context.db, group);
  const value = args.value === null ? null : settingValue(key, args.value);
  const name = group ?? FLEET;
  const before = await context.db
    .selectFrom('settings')
    .select('value')
    .where('key', '=', key)
    .where('group_name', '=', name)
    .executeTakeFirst();
  const from = before?.value ?? null;
  if (from === value) return null;
  const row = { value: value ?? '', changed_ms: nowMs, changed_by: principal, why };
  if (value === null)
    await context.db
      .deleteFrom('settings')
      .where('key', '=', key)
      .where('group_name', '=', name)
      .execute();
  else
    await context.db
      .insertInto('settings')
      .values({ key, group_name: name, ...row })
      .onConflict((conflict) => conflict.columns(['key', 'group_name']).doUpdateSet(row))
      .execute();
  if (setting.field === 'needsSecondPrincipal') await lookAgain(context);
  const detail = { key, group, from, value };
  await addHistory(context, { nowMs, kind: 'setting-changed', principal, why, detail });
  return null;
}

/** What waits to start by itself for an approval may need none any more: settings changed, or groups of agents. */
export async function lookAgain({ db }: WriteContext): Promise<void> {
  await db
    .updateTable('rollouts')
    .set({ waits_reason: null, waits_until_ms: null })
    .where('state', '=', 'pending')
    .where('waits_reason', '=', 'awaiting-approval')
    .execute();
}

function rowsFor(db: ReadContext, group: string | null): Promise<readonly SettingTable[]> {
  return db
    .selectFrom('settings')
    .selectAll()
    .where('group_name', 'in', [FLEET, group ?? FLEET])
    .execute();
}

function valuesIn(rows: readonly SettingTable[]): {
  readonly fleet: SettingValues;
  readonly group: SettingValues;
} {
  const of = (isFleet: boolean) =>
    new Map(
      rows
        .filter(({ group_name: name }) => (name === FLEET) === isFleet)
        .map(({ key, value }) => [key, value] as const),
    );
  return { fleet: of(true), group: of(false) };
}
