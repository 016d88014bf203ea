import { isInProbation, reportedStateOf } from '@moult/core/agent-state';
import { leftByOwner, type Refusal } from '@moult/core/boot';
import { COMPONENTS } from '@moult/core/component';
import type { AgentCondition, BootView, UpgradeState } from '@moult/core/upgrade';
import type { OwnerRollback, Report, TaskOffer, UpgradeReport } from '@moult/protocol';
import type { OwnersWord } from './owner/owners-word.ts';
import { slotMessage } from './upgrade/finish.ts';

export interface ReportFacts {
  readonly upgrade: UpgradeState;
  readonly condition: AgentCondition;
  readonly view: BootView;
  readonly isHealthy: boolean;
  readonly detail: string;
  /** Why the upgrade does not go on for now; null: it does. */
  readonly trouble: string | null;
  readonly facts: Report['facts'];
  readonly owner: Pick<OwnersWord, 'say' | 'facts'>;
  readonly tasks: {
    /** Some run. */
    readonly isBusy: boolean;
    readonly offers: readonly TaskOffer[];
    readonly configurationTrouble: string;
  };
}

export function reportOf(facts: ReportFacts): Report {
  const { upgrade, view, tasks } = facts;
  return {
    state: reportedStateOf(upgrade, facts.condition),
    marks: [
      ...(isInProbation(upgrade) ? ['probation'] : []),
      ...(tasks.isBusy ? ['busy'] : []),
      ...facts.owner.say.marks,
    ],
    components: COMPONENTS.map((component) => {
      const record = view[component];
      return {
        component,
        current: slotMessage(record.committed),
        previous: slotMessage(record.previous),
        refused: record.refused.map(({ version, digest }) => ({ version, digest })),
        trialAttemptId: record.trialAttemptId ?? '',
        rolledBack: rolledBackOf(leftByOwner(record)),
      };
    }),
    upgrade: upgradeOf(facts),
    isIdle: upgrade.kind === 'idle' && !tasks.isBusy,
    facts: [...facts.facts, ...facts.owner.facts],
    tasks: tasks.offers,
    configurationTrouble: tasks.configurationTrouble,
  };
}

function rolledBackOf(left: Refusal | null): OwnerRollback | null {
  if (left === null) return null;
  const { version, digest, attemptId, evidence } = left;
  return { from: { version, digest }, attemptId, said: evidence.detail };
}

function upgradeOf(facts: ReportFacts): UpgradeReport | null {
  const { upgrade } = facts;
  if (upgrade.kind === 'idle') return null;
  const { order, bytesFetched, bytesTotal } = upgrade.course;
  return {
    commandId: order.commandId,
    attempt: order.attempt,
    component: order.component,
    step: upgrade.kind,
    isHealthy: facts.isHealthy && upgrade.kind === 'probation',
    detail: facts.trouble ?? facts.detail,
    bytesDone: bytesFetched,
    bytesTotal,
  };
}
