/*
 * Whether another principal has to approve a start (RO42). Asked when it starts, of settings as they are then and of whom it is
 * for then: a spec is merged, edited and made for agents that may not be known yet, and none of that takes it away.
 */
import { readSpec } from '@moult/core/rollout';
import { settingInForce, settingNamed } from '@moult/core/settings';
import type { RolloutTable } from '../../rollout-tables.ts';
import type { ReadContext } from '../context.ts';
import { FLEET } from '../settings.ts';

const SETTING = settingNamed('rollout.second-principal');

/** By its spec, or by what is set for the group of any of its agents; for several groups the fleet's counts, too. */
export async function needsSecondPrincipal(
  db: ReadContext,
  row: Pick<RolloutTable, 'id' | 'spec'>,
): Promise<boolean> {
  if (readSpec(row.spec)?.needsSecondPrincipal !== false) return true;
  const values = await db
    .selectFrom('settings')
    .select(['group_name', 'value'])
    .where('key', '=', SETTING.key)
    .execute();
  // Most have set nothing, and then nobody is asked whose its agents are.
  if (values.length === 0) return false;
  const members = await db
    .selectFrom('rollout_members')
    .select('group_name')
    .distinct()
    .where('rollout_id', '=', row.id)
    .execute();
  const groups = members.map(({ group_name: name }) => name);
  const at = (group: string) =>
    new Map(
      values
        .filter(({ group_name: name }) => name === group)
        .map(({ value }) => [SETTING.key, value] as const),
    );
  const fleet = at(FLEET);
  const asked = groups.length === 1 ? groups : [FLEET, ...groups];
  // What cannot be read asks for one, too.
  return asked.some((group) => settingInForce(SETTING, { fleet, group: at(group) }).value !== 'no');
}
