/* Host facts → checks, in the order in which things are mended: what starts, what runs, what it keeps, what ends some day. */
import type { ComponentRecord, Refusal } from '../boot/index.ts';
import { TRIES_MAX } from '../boot/index.ts';
import { toldIn } from '../errors/index.ts';
import type { OwnerHold } from '../owner-word.ts';
import { troubleIn } from '../upgrade/index.ts';
import { compareVersions } from '../versions.ts';
import {
  allOf,
  type DoctorCheck,
  type Found,
  failing,
  judged,
  named,
  passing,
  warning,
} from './check.ts';
import { databaseCheck } from './database-check.ts';
import { dayText, sizeText, spanText } from './figures.ts';
import type {
  AgentStateFacts,
  BootFacts,
  FirstLauncherFacts,
  HostFacts,
  OutboxFacts,
  OwnerFacts,
  ProcessFacts,
  SlotFacts,
} from './host-facts.ts';
import { certificateCheck, expiryCheck } from './lifetimes.ts';

export function hostChecks(facts: HostFacts): readonly DoctorCheck[] {
  const { nowMs } = facts;
  return allOf([
    judged('first-launcher', facts.firstLauncher, firstLauncherCheck),
    judged('boot-record', facts.boot, bootCheck),
    judged('trial', facts.boot, (boot) => trialCheck(boot, facts)),
    judged('processes', facts.processes, processesCheck),
    judged('slots', facts.slots, slotsCheck),
    judged('database', facts.database, (database) => databaseCheck(database, 'state-damaged')),
    ...stateChecks(facts, (known) => [
      sessionCheck(known, facts.processes),
      upgradeCheck(known),
      outboxCheck(known.outbox, nowMs),
    ]),
    judged('refused', facts.boot, refusedCheck),
    judged('owner', facts.owner, ownerCheck),
    judged('tasks', facts.tasks, tasksCheck),
    judged('ca', facts.ca, (ca) => (ca === null ? null : certificateCheck('ca', ca, nowMs))),
    judged('metadata', facts.metadata, (roles) =>
      roles === null ? null : expiryCheck('metadata', roles, nowMs),
    ),
    judged('kept-aside', facts.keptAside, keptAsideCheck),
  ]);
}

function firstLauncherCheck(first: FirstLauncherFacts): DoctorCheck {
  const name = 'first-launcher';
  const code = 'first-launcher-unsound';
  const { dir, isThere, version, damage, ownerUid, wantsRoot } = first;
  // An agent may run without one (H14): nothing rolls it back then.
  if (!isThere)
    return warning(name, code, `there is none in ${dir}: nothing rolls an upgrade back`);
  if (damage !== null) return failing(name, code, damage);
  if (wantsRoot && ownerUid !== 0) {
    return failing(name, code, `${dir} belongs to user ${ownerUid}, not to root`);
  }
  return passing(name, `${version ?? 'of no version'}, every byte is as its manifest says`);
}

function bootCheck({ path, reading }: BootFacts): DoctorCheck {
  const name = 'boot-record';
  switch (reading.kind) {
    case 'absent':
      return warning(
        name,
        'agent-not-serving',
        `there is no ${path} yet: nothing was started here`,
      );
    case 'unreadable':
      return failing(name, 'boot-record-unreadable', `${path}: ${reading.why}`);
    case 'too-new':
      return failing(name, 'boot-record-too-new', `${path} has format ${reading.format}`);
    case 'read': {
      const { agent, launcher } = reading.record.components;
      return passing(name, `agent ${bootText(agent)}; launcher ${bootText(launcher)}`);
    }
  }
}

function bootText({ committed, previous }: ComponentRecord): string {
  const before = previous === null ? '' : `, before it ${previous.version}`;
  return `${committed?.version ?? 'the first one'}${before}`;
}

/** Watched time is ten minutes unless a release says more, and an hour passes between two looks at a world that is broken. */
const TRIAL_QUIET_MS = 7_200_000;

function trialCheck({ reading, writtenMs }: BootFacts, facts: HostFacts): DoctorCheck | null {
  if (reading.kind !== 'read') return null;
  const { agent, launcher } = reading.record.components;
  const trial = agent.trial ?? launcher.trial;
  if (trial === null) return null;
  const what = `${agent.trial === null ? 'launcher' : 'agent'} ${trial.slot.version} is on trial`;
  const tries = `${what}: try ${trial.tries} of ${TRIES_MAX}, ${spanText(trial.watchedLeftMs)} of watched time are left`;
  const isWatched = !facts.processes.isFound || facts.processes.value.launcher !== null;
  if (!isWatched) return failing('trial', 'trial-open', `${what}, and no launcher watches it`);
  const quietMs = facts.nowMs - (writtenMs ?? facts.nowMs);
  if (quietMs < TRIAL_QUIET_MS) return passing('trial', tries);
  return warning('trial', 'trial-open', `${tries}; nothing was decided for ${spanText(quietMs)}`);
}

function processesCheck({ launcher, agent }: ProcessFacts): DoctorCheck {
  const name = 'processes';
  const code = 'agent-not-serving';
  if (agent !== null) {
    const beneath = launcher === null ? 'without a launcher' : `launcher ${launcher}`;
    return passing(name, `agent ${agent}, ${beneath}`);
  }
  if (launcher === null) return failing(name, code, 'neither a launcher nor an agent runs');
  return failing(name, code, `launcher ${launcher} runs, and no agent beneath it`);
}

function slotsCheck(slots: readonly SlotFacts[]): DoctorCheck {
  const name = 'slots';
  const damaged = slots.filter(({ damage }) => damage !== null);
  const texts = damaged.map((slot) => `${slotText(slot)}: ${slot.damage}`);
  if (texts.length > 0) return warning(name, 'slot-corrupt', texts.join('; '));
  if (slots.length === 0) return passing(name, 'nothing was upgraded here yet');
  return passing(name, `${slots.map(slotText).join(', ')}: whole`);
}

function slotText({ component, kind, version }: SlotFacts): string {
  return kind === 'committed'
    ? `${component} ${version}`
    : `${component} ${version} (the one before)`;
}

function stateChecks(
  { state, database }: Pick<HostFacts, 'state' | 'database'>,
  checksOf: (state: AgentStateFacts) => readonly (DoctorCheck | null)[],
): readonly (DoctorCheck | null)[] {
  if (!state.isFound && database.isFound && (database.value?.damage ?? null) !== null) {
    return [failing('state', 'state-damaged', 'not looked at: the database is damaged')];
  }
  if (!state.isFound) return [failing('state', state.code, state.message)];
  return state.value === null ? [] : checksOf(state.value);
}

/** Of an agent that does not serve it would be an old story. */
function sessionCheck(
  { noSession }: AgentStateFacts,
  processes: Found<ProcessFacts>,
): DoctorCheck | null {
  if (!processes.isFound || processes.value.agent === null) return null;
  if (noSession === null) return passing('session', 'no trouble is on record');
  const { code, message } = noSession;
  const told = toldIn(`${code}: ${message}`);
  return failing('session', told?.code ?? 'coordinator-unreachable', message);
}

function upgradeCheck({ upgrade, condition }: AgentStateFacts): DoctorCheck {
  const name = 'upgrade';
  const { failedUpgrade } = condition;
  if (failedUpgrade !== null) {
    const { version, code } = failedUpgrade;
    const detail = `Upgrade Failed: ${version}: ${code}; tasks wait`;
    return failing(name, 'upgrade-failed', detail);
  }
  const trouble = troubleIn(upgrade);
  if (trouble === null)
    return passing(name, upgrade.kind === 'idle' ? 'none is under way' : upgrade.kind);
  const told = toldIn(trouble);
  return warning(name, told?.code ?? 'packages-not-refreshed', `${upgrade.kind}: ${trouble}`);
}

/** Beyond it output that nobody has seen is about to go. */
const OUTBOX_WARN_SHARE = 0.75;

function outboxCheck(outbox: OutboxFacts, nowMs: number): DoctorCheck {
  const { items, bytes, bytesMax, oldestMs, ageMsMax } = outbox;
  const ageMs = oldestMs === null ? 0 : nowMs - oldestMs;
  const age =
    oldestMs === null ? '' : `, the oldest for ${spanText(ageMs)} of ${spanText(ageMsMax)}`;
  const detail = `${items} items wait, ${sizeText(bytes)} of ${sizeText(bytesMax)}${age}`;
  const isFilling = bytes >= bytesMax * OUTBOX_WARN_SHARE || ageMs >= ageMsMax * OUTBOX_WARN_SHARE;
  return isFilling ? warning('outbox', 'outbox-filling', detail) : passing('outbox', detail);
}

/** What was refused long ago, and has a successor that runs, is history. */
function refusedCheck({ reading }: BootFacts): DoctorCheck | null {
  if (reading.kind !== 'read') return null;
  const { agent, launcher } = reading.record.components;
  const open = [
    ...openRefusals(agent).map((refusal) => refusalText('agent', refusal)),
    ...openRefusals(launcher).map((refusal) => refusalText('launcher', refusal)),
  ];
  if (open.length > 0) return warning('refused', 'refused-here', open.join('; '));
  const count = agent.refused.length + launcher.refused.length;
  return passing('refused', count === 0 ? 'no version' : `${count}, all older than what runs`);
}

function openRefusals({ refused, committed }: ComponentRecord): readonly Refusal[] {
  return refused.filter(
    ({ version }) => committed === null || compareVersions(version, committed.version) > 0,
  );
}

function refusalText(component: string, { version, evidence }: Refusal): string {
  return `${component} ${version}: ${evidence.reason}: ${evidence.detail}`;
}

/** It is the owner's good right, so that it passes; who wonders why nothing is upgraded finds it here. */
function ownerCheck({ marks, pin, postponement, locks }: OwnerFacts): DoctorCheck {
  const texts: Readonly<Record<OwnerHold, string>> = {
    pinned: `pinned to ${pin?.version}`,
    postponed: `postponed until ${dayText(postponement?.untilMs ?? 0)}`,
    'host-locked': `locked by ${locks.join(', ')}`,
  };
  const held = marks.map((mark) => texts[mark]).join('; ');
  return passing('owner', held === '' ? 'nothing of the owner’s holds upgrades' : held);
}

function tasksCheck(tasks: { readonly names: readonly string[]; readonly trouble: string }) {
  const { names, trouble } = tasks;
  if (trouble === '')
    return passing('tasks', names.length === 0 ? 'none are listed' : named(names));
  const told = toldIn(trouble);
  return failing('tasks', told?.code ?? 'tasks-file-invalid', told?.message ?? trouble);
}

function keptAsideCheck(paths: readonly string[]): DoctorCheck | null {
  return paths.length === 0 ? null : warning('kept-aside', 'kept-aside', named(paths));
}
