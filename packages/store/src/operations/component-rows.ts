import type { Component } from '@moult/core/component';
import type { InstanceComponentTable } from '../database.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { prepared, preparedByNames } from './prepared.ts';

const byInstance = prepared((db, of: { readonly instanceId: string }) =>
  db.selectFrom('instance_components').selectAll().where('instance_id', '=', of.instanceId),
);

export async function componentsOf(
  db: ReadContext,
  instanceId: string,
): Promise<readonly InstanceComponentTable[]> {
  return byInstance(db, { instanceId });
}

export async function componentRow(
  db: ReadContext,
  of: { readonly instanceId: string; readonly component: Component },
): Promise<InstanceComponentTable | null> {
  const rows = await componentsOf(db, of.instanceId);
  return rows.find(({ component }) => component === of.component) ?? null;
}

/** Sets the given columns, making the row if there is none. */
export async function setComponent(
  context: WriteContext,
  of: { readonly instanceId: string; readonly component: Component },
  set: Partial<Omit<InstanceComponentTable, 'instance_id' | 'component'>>,
): Promise<void> {
  await keepComponent(context.db, {
    ...set,
    instance_id: of.instanceId,
    component: of.component,
  });
}

const UNKNOWN: Omit<InstanceComponentTable, 'instance_id' | 'component'> = {
  current_version: null,
  current_digest: null,
  previous_version: null,
  previous_digest: null,
  refused: '[]',
  trial_attempt_id: '',
  attested_version: null,
  attested_digest: null,
  given_version: null,
  given_digest: null,
  given_position: null,
  since_position: 0,
  reopened_digest: null,
  changed: '',
};

const keepComponent = preparedByNames(
  (
    db,
    row: Pick<InstanceComponentTable, 'instance_id' | 'component'> &
      Partial<InstanceComponentTable>,
  ) => {
    const { instance_id: _id, component: _component, ...set } = row;
    return db
      .insertInto('instance_components')
      .values({ ...UNKNOWN, ...row })
      .onConflict((conflict) => conflict.columns(['instance_id', 'component']).doUpdateSet(set));
  },
);
