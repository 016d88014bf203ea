/*
 * From choices to commands: an instance that does not run what was chosen, and is not in the rollout which that choice has made
 * (rollout/of-choices.ts), gets one autoUpgrade for that choice (C9). Its key names the position from which it holds, so that looking again, by whomever, orders nothing twice. While the choice
 * stands, a command that outlived its time is issued anew, and so, later and later, is one that failed before the
 * switch (C16), and one that gave way to a choice which was withdrawn. What a host refused is not: it would refuse it
 * again.
 */
import { OUTDATED } from '@moult/core/command';
import { COMPONENTS, type Component } from '@moult/core/component';
import type { Version } from '@moult/core/versions';
import type { CommandTable, InstanceComponentTable } from '../database.ts';
import { type ChoiceRow, choicesOf, desiredAmong, rolloutVersionsFor } from './choices.ts';
import { applyEvent, openUpgradesOf } from './command-rows.ts';
import { addCommand, commandByKey } from './commands.ts';
import { componentsOf } from './component-rows.ts';
import { COORDINATOR, type ReadContext, type WriteContext } from './context.ts';
import { type InstanceRow, instanceById } from './instances.ts';
import { repairIfNeeded } from './repair.ts';
import { wayOfChoice } from './rollout/of-choices.ts';

/** A choice that outlived as many commands needs a person: three months of daily failures, or years of absence. */
const REISSUES_MAX = 100;
/** The host itself has tried for over an hour by then: at the next hourly check, then ever rarer. */
const RETRY_MS_FIRST = 3_600_000;
const RETRY_MS_MAX = 86_400_000;

/** Gives the commands that it issued. */
export async function issueWanted(
  context: WriteContext,
  args: { readonly instanceIds: readonly string[]; readonly nowMs: number },
): Promise<readonly CommandTable[]> {
  const issued: CommandTable[] = [];
  for (const id of args.instanceIds) {
    const instance = await instanceById(context.db, id);
    if (instance !== null) issued.push(...(await issueWantedOf(context, { ...args, instance })));
  }
  return issued;
}

/** The same of one that was read already. */
export async function issueWantedOf(
  context: WriteContext,
  of: { readonly instance: InstanceRow; readonly nowMs: number },
): Promise<readonly CommandTable[]> {
  if (of.instance.role === 'removed') return [];
  const wanting = await wantingOf(context.db, of);
  const issued: CommandTable[] = [];
  for (const component of COMPONENTS) {
    const command = await issueFor(context, { ...wanting, component });
    if (command !== null) issued.push(command);
  }
  return issued;
}

/** All that says what is wanted of an instance, read once for its components. */
interface Wanting {
  readonly instance: InstanceRow;
  readonly rows: readonly InstanceComponentTable[];
  readonly choices: readonly ChoiceRow[];
  readonly rollouts: ReadonlyMap<Component, Version>;
  readonly open: readonly CommandTable[];
  readonly nowMs: number;
}

async function wantingOf(
  db: ReadContext,
  { instance, nowMs }: { readonly instance: InstanceRow; readonly nowMs: number },
): Promise<Wanting> {
  const { id, agent_name: agentName, group_name: group } = instance;
  return {
    ...{ instance, nowMs },
    rows: await componentsOf(db, id),
    choices: await choicesOf(db, { group, agentName }),
    rollouts: await rolloutVersionsFor(db, id),
    open: await openUpgradesOf(db, id),
  };
}

async function issueFor(
  context: WriteContext,
  args: Wanting & { readonly component: Component },
): Promise<CommandTable | null> {
  const { instance, component, nowMs, rollouts } = args;
  const row = args.rows.find((one) => one.component === component) ?? null;
  const open = args.open.filter((command) => command.component === component);
  const manual = newestOf(open.filter(({ origin }) => origin === 'manual'));
  const { desired, choice } = desiredAmong(args.choices, {
    agentName: instance.agent_name,
    group: instance.group_name,
    component,
    row,
    manualCommand: manual?.version ?? null,
    runningRollout: rollouts.get(component) ?? null,
  });
  if (desired?.from === 'manual-command') return null;
  await skipOutdated(context, {
    ...{ open, row, nowMs },
    version: desired?.version ?? null,
    isInRollout: desired?.from === 'rollout',
  });
  if (desired?.from === 'last-finished' && row !== null) {
    return repairIfNeeded(context, { instance, component, row, nowMs });
  }
  // A host that never said what it runs, or has no such component, says so first.
  if (desired === null || !('position' in desired) || choice === null) return null;
  if (row === null || row.current_version === null) return null;
  if (row.current_version === desired.version) return null;
  const { position } = desired;
  const way = await wayOfChoice(context, {
    ...{ instanceId: instance.id, component, nowMs },
    ...{ position: choice.position, since: position },
  });
  if (way === 'none') return null;
  const free = await freeKey(context, { instanceId: instance.id, position });
  if (free === null) return null;
  return addCommand(context, {
    instance,
    component,
    version: desired.version,
    isForced: false,
    ...free,
    kind: 'autoUpgrade',
    origin: 'choice',
    nowMs,
    principal: choice.created_by,
    why: choice.why,
  });
}

function newestOf(commands: readonly CommandTable[]): CommandTable | null {
  return commands.reduce<CommandTable | null>(
    (newest, one) => (newest === null || one.position > newest.position ? one : newest),
    null,
  );
}

/** Null: this choice has its command, open or ended for good. */
async function freeKey(
  context: WriteContext,
  of: { readonly instanceId: string; readonly position: number },
): Promise<{ readonly key: string; readonly notBeforeMs: number } | null> {
  let notBeforeMs = 0;
  let failures = 0;
  for (let count = 1; count <= REISSUES_MAX; count++) {
    const key = `choice-${of.position}-${count}`;
    const known = await commandByKey(context.db, { instanceId: of.instanceId, key });
    if (known === null) return { key, notBeforeMs };
    if (known.state === 'failed' && known.outcome === 'failed') {
      notBeforeMs = (known.ended_ms ?? 0) + Math.min(RETRY_MS_FIRST * 2 ** failures, RETRY_MS_MAX);
      failures += 1;
    } else if (known.state !== 'expired' && known.outcome !== OUTDATED) return null;
  }
  return null;
}

/** Commands of an earlier choice, and repairs of what is whole, that were not accepted: skipped, or revoked where the host may have them. */
async function skipOutdated(
  context: WriteContext,
  args: {
    readonly open: readonly CommandTable[];
    readonly row: InstanceComponentTable | null;
    readonly version: string | null;
    readonly isInRollout: boolean;
    readonly nowMs: number;
  },
): Promise<void> {
  for (const row of args.open) {
    if (row.origin !== 'choice' && row.origin !== 'repair') continue;
    if (row.state !== 'queued' && row.state !== 'sent') continue;
    const isWhole = row.origin === 'repair' && args.row?.given_digest === args.row?.attested_digest;
    // RO51: in a rollout it has its turn there, and not by a command of an earlier choice.
    if (row.version === args.version && !isWhole && !args.isInRollout) continue;
    await applyEvent(context, row, {
      event: row.state === 'queued' ? 'skipped' : 'revoked',
      nowMs: args.nowMs,
      ending: {
        outcome: OUTDATED,
        code: null,
        message: isWhole ? 'the host shows what it was given' : 'another version was chosen',
        principal: COORDINATOR,
      },
    });
  }
}
