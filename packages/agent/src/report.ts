import { type AgentMark, isInProbation, reportedStateOf } from '@moult/core/agent-state';
import { leftByOwner, type Refusal, type Spawned } from '@moult/core/boot';
import {
  CHANGED_REPORTED_MAX,
  KEEPINGS_REPORTED_MAX,
  NO_CHANGES,
  type SlotChanges,
} from '@moult/core/changed-files';
import { COMPONENTS, type Component } from '@moult/core/component';
import type { Labels } from '@moult/core/labels';
import type { AgentCondition, BootView, UpgradeState } from '@moult/core/upgrade';
import type {
  ComponentReport,
  OwnerRollback,
  Report,
  TaskOffer,
  UpgradeReport,
} from '@moult/protocol';
import type { OwnersWord } from './owner/owners-word.ts';
import type { SlotLook } from './slot-look.ts';
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
  readonly labels: Labels;
  readonly owner: Pick<OwnersWord, 'say' | 'facts'>;
  readonly tasks: {
    /** Some run. */
    readonly isBusy: boolean;
    readonly offers: readonly TaskOffer[];
    readonly configurationTrouble: string;
  };
  readonly look: Pick<SlotLook, 'changesOf' | 'kept'>;
  readonly spawned: Pick<Spawned, 'launcherVersion'>;
}

export function reportOf(facts: ReportFacts): Report {
  const { upgrade, tasks } = facts;
  return {
    state: reportedStateOf(upgrade, facts.condition),
    marks: marksOf(facts),
    components: COMPONENTS.map((component) => componentOf(facts, component)),
    upgrade: upgradeOf(facts),
    isIdle: upgrade.kind === 'idle' && !tasks.isBusy,
    facts: [...facts.facts, ...facts.owner.facts],
    labels: Object.entries(facts.labels).map(([name, value]) => ({ name, value })),
    tasks: tasks.offers,
    configurationTrouble: tasks.configurationTrouble,
    kept: facts.look.kept.slice(-KEEPINGS_REPORTED_MAX).map((keeping) => {
      const { changes, ...rest } = keeping;
      return { ...rest, ...changesMessage(changes, CHANGED_KEPT_REPORTED_MAX) };
    }),
  };
}

function marksOf(facts: ReportFacts): readonly AgentMark[] {
  const { upgrade, tasks, look, owner } = facts;
  const isChanged = COMPONENTS.some((component) => look.changesOf(component).count > 0);
  return [
    ...(isInProbation(upgrade) ? (['probation'] as const) : []),
    ...(tasks.isBusy ? (['busy'] as const) : []),
    ...(hasNoLauncher(facts) ? (['no launcher'] as const) : []),
    ...(isChanged ? (['changed by hand'] as const) : []),
    ...owner.say.marks,
  ];
}

/** Nobody starts it again. */
function hasNoLauncher({ spawned }: ReportFacts): boolean {
  return spawned.launcherVersion === '';
}

function componentOf(facts: ReportFacts, component: Component): ComponentReport {
  const record = facts.view[component];
  const { committed, previous, refused, trialAttemptId } = record;
  // What the boot record says of a launcher that does not run here is no launcher.
  const isThere = component === 'agent' || !hasNoLauncher(facts);
  return {
    component,
    current: slotMessage(isThere ? committed : null),
    previous: slotMessage(isThere ? previous : null),
    refused: refused.map(({ version, digest }) => ({ version, digest })),
    trialAttemptId: trialAttemptId ?? '',
    rolledBack: rolledBackOf(leftByOwner(record)),
    ...changesMessage(isThere ? facts.look.changesOf(component) : NO_CHANGES, CHANGED_REPORTED_MAX),
  };
}

/** A report has a limit, paths have none. */
const PATH_MAX = 200;
/** The list lies beside what is kept. */
const CHANGED_KEPT_REPORTED_MAX = 5;

function changesMessage({ files, count }: SlotChanges, filesMax: number) {
  return {
    changed: files.slice(0, filesMax).map((file) => ({
      ...file,
      path: file.path.slice(0, PATH_MAX),
      sha256: file.sha256 ?? '',
    })),
    changedCount: count,
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
