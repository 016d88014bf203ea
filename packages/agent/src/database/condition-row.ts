import type { AgentCondition, FailedUpgrade } from '@moult/core/upgrade';
import type { Meta } from './meta.ts';

/**
 * A3: the durable conditions of the agent, in `meta`, where both versions of an upgrade read them: names and forms are
 * a frozen contract. Written in the transaction of whatever changes them.
 */
export interface ConditionRow {
  read(): AgentCondition;
  write(condition: AgentCondition): void;
}

const PAUSED = 'paused';
const UPGRADE_FAILED = 'upgrade-failed';

export function createConditionRow(meta: Meta): ConditionRow {
  return {
    read: () => conditionFrom(meta.read),
    write: ({ isPaused, failedUpgrade }) => {
      if (isPaused) meta.write(PAUSED, '1');
      else meta.forget(PAUSED);
      if (failedUpgrade === null) meta.forget(UPGRADE_FAILED);
      else meta.write(UPGRADE_FAILED, JSON.stringify(failedUpgrade));
    },
  };
}

export function conditionFrom(read: (name: string) => string | null): AgentCondition {
  const failed = read(UPGRADE_FAILED);
  return {
    isPaused: read(PAUSED) !== null,
    failedUpgrade: failed === null ? null : (JSON.parse(failed) as FailedUpgrade),
  };
}
