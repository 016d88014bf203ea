/*
 * Repair (R12, C18): an instance that shows another digest than its last finished order gave it is ordered back, by
 * force, as long as that order says what is desired.
 */
import { REPAIRS_MAX, type RepairFacts, repairVerdict } from '@moult/core/command';
import type { Component } from '@moult/core/component';
import type { CommandTable, InstanceComponentTable } from '../database.ts';
import { openCommandsOf } from './command-rows.ts';
import { addCommand, commandByKey } from './commands.ts';
import { COORDINATOR, type ReadContext, type WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import type { InstanceRow } from './instances.ts';
import type { Slot } from './slot.ts';

/** After a repair that failed the host, or the network, gets time to be mended. */
const AGAIN_MS = 3_600_000;

export interface Repairing {
  readonly instance: InstanceRow;
  readonly component: Component;
  readonly row: InstanceComponentTable;
}

/** Null: there is nothing to repair, or not any more. */
export async function repairIfNeeded(
  context: WriteContext,
  args: Repairing & { readonly nowMs: number },
): Promise<CommandTable | null> {
  const { instance, component, row, nowMs } = args;
  const version = row.given_version;
  if (version === null || row.given_digest === row.attested_digest) return null;
  // What shows itself may have been gone back to, by the host or its owner: its report says what is refused there.
  if (instance.upgrade_since_ms === null) return null;
  const facts = await repairFactsOf(context.db, args);
  if (repairVerdict(facts) !== 'repair') return null;
  const before = await repairAt(context.db, { ...args, number: facts.repairs });
  const why = `shows ${row.attested_version}, was given ${version}`;
  const names = { agentName: instance.agent_name, instanceId: instance.id, component };
  await addHistory(context, {
    nowMs,
    kind: 'repair',
    why,
    ...names,
    detail: { given: version, shown: row.attested_version, number: facts.repairs + 1 },
  });
  return addCommand(context, {
    instance,
    kind: 'autoUpgrade',
    component,
    version,
    isForced: true,
    notBeforeMs: before?.outcome === 'failed' ? (before.ended_ms ?? 0) + AGAIN_MS : 0,
    key: keyOf(row, facts.repairs + 1),
    origin: 'repair',
    nowMs,
    principal: COORDINATOR,
    why,
  });
}

/** For an instance whose last finished order still says what is desired. */
export async function repairFactsOf(db: ReadContext, of: Repairing): Promise<RepairFacts> {
  const { instance, component, row } = of;
  const refused = JSON.parse(row.refused) as readonly Slot[];
  const open = await openCommandsOf(db, instance.id);
  let repairs = 0;
  while (repairs < REPAIRS_MAX) {
    if ((await repairAt(db, { ...of, number: repairs + 1 })) === null) break;
    repairs += 1;
  }
  return {
    givenDigest: row.given_digest,
    shownDigest: row.attested_digest,
    isStillDesired: true,
    // An upgrade that was revoked too late is still under way on the host, whatever its command says.
    isUpgradeOpen:
      instance.upgrade !== null ||
      row.trial_attempt_id !== '' ||
      open.some((command) => command.kind === 'autoUpgrade' && command.component === component),
    isRefusedHere: refused.some((slot) => slot.digest === row.given_digest),
    repairs,
  };
}

function repairAt(
  db: ReadContext,
  of: Repairing & { readonly number: number },
): Promise<CommandTable | null> {
  return commandByKey(db, { instanceId: of.instance.id, key: keyOf(of.row, of.number) });
}

/** Names the order that gave the version: a new order begins counting anew. */
function keyOf(row: InstanceComponentTable, number: number): string {
  return `repair-${row.given_position}-${number}`;
}
