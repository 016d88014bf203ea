/* The commands of a rollout. */
import { readSpec } from '@moult/core/rollout';
import type { Version } from '@moult/core/versions';
import type { CommandTable } from '../../database.ts';
import type { RolloutTable } from '../../rollout-tables.ts';
import { addCommand } from '../commands.ts';
import { COORDINATOR, type WriteContext } from '../context.ts';
import type { InstanceRow } from '../instances.ts';

export async function orderVersion(
  context: WriteContext,
  of: {
    readonly row: RolloutTable;
    readonly instance: InstanceRow;
    /** Which of its commands it is: each is given once. */
    readonly tries: number;
    readonly version: Version;
    /** It goes back. */
    readonly isRevert?: boolean;
    readonly nowMs: number;
  },
): Promise<CommandTable> {
  const { row, instance, tries, version, isRevert = false, nowMs } = of;
  const spec = readSpec(row.spec);
  return await addCommand(context, {
    instance,
    kind: 'autoUpgrade',
    component: row.component,
    version,
    isForced: spec?.isForced === true,
    // R9: no check forbids it.
    isRevert: isRevert || row.origin === 'revert',
    // What goes back after an error does not wait.
    pace: isRevert || spec === null ? 'now' : spec.pace,
    notBeforeMs: 0,
    key: `rollout-${row.id}-${tries}`,
    origin: 'rollout',
    rolloutId: row.id,
    nowMs,
    principal: row.started_by ?? COORDINATOR,
    why: isRevert
      ? `back, by the rollout ${row.name}`
      : row.why === ''
        ? `rollout ${row.name}`
        : row.why,
  });
}
