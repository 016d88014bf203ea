/* Labels that operators give agents (SE7). */
import { CodedError } from '@moult/core/errors';
import { changedLabels, LABELS_MAX, type Labels } from '@moult/core/labels';
import type { Order, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { agentByName } from './instances.ts';

export interface Labelling extends Order {
  readonly name: string;
  readonly set: Labels;
  /** Names; those that it does not have are no mistake. */
  readonly remove: readonly string[];
}

/** SE7. Throws `not-found`, `labels-too-many`. */
export async function labelAgent(
  context: WriteContext,
  args: Labelling,
): Promise<{ readonly instanceId: string; readonly labels: Labels }> {
  const { name, set, remove, nowMs, principal, why } = args;
  const view = await agentByName(context.db, name);
  if (view === null) throw new CodedError('not-found', `there is no agent ${name}`);
  const { id: instanceId, agent_labels: before } = view.instance;
  const labels = changedLabels(JSON.parse(before) as Labels, { set, remove });
  const count = Object.keys(labels).length;
  if (count > LABELS_MAX) {
    throw new CodedError('labels-too-many', `${name} would have ${count} labels of operators`);
  }
  const text = JSON.stringify(labels);
  if (text === before) return { instanceId, labels };
  await context.db.updateTable('agents').set({ labels: text }).where('name', '=', name).execute();
  const about = { nowMs, principal, why, agentName: name, instanceId };
  await addHistory(context, { ...about, kind: 'labelled', detail: { labels } });
  return { instanceId, labels };
}
