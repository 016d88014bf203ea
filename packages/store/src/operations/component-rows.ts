import type { Component } from '@moult/core/component';
import type { InstanceComponentTable } from '../database.ts';
import type { ReadContext, WriteContext } from './context.ts';

export async function componentRow(
  db: ReadContext,
  of: { readonly instanceId: string; readonly component: Component },
): Promise<InstanceComponentTable | null> {
  const row = await db
    .selectFrom('instance_components')
    .selectAll()
    .where('instance_id', '=', of.instanceId)
    .where('component', '=', of.component)
    .executeTakeFirst();
  return row ?? null;
}

/** Sets the given columns, making the row if there is none. */
export async function setComponent(
  context: WriteContext,
  of: { readonly instanceId: string; readonly component: Component },
  set: Partial<Omit<InstanceComponentTable, 'instance_id' | 'component'>>,
): Promise<void> {
  const row: InstanceComponentTable = {
    instance_id: of.instanceId,
    component: of.component,
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
    reopened_digest: null,
    ...set,
  };
  await context.db
    .insertInto('instance_components')
    .values(row)
    .onConflict((conflict) => conflict.columns(['instance_id', 'component']).doUpdateSet(set))
    .execute();
}
