/*
 * The first launcher: root's, never changes. It chooses the launcher that runs, counts the tries of one on trial on
 * disk, and becomes it. Whatever happens to later launchers, this one brings an agent up.
 */
import {
  type BootRecord,
  beginTry,
  chooseLauncher,
  type Evidence,
  encodeBootRecord,
  giveTryBack,
  refuseTrial,
  type Slot,
  TRIES_MAX,
} from '@moult/core/boot';
import { loadRecord, messageOf } from './boot-store.ts';
import type { LauncherPorts } from './ports.ts';

export type StartCheck =
  | { readonly kind: 'startable' }
  | {
      readonly kind: 'unstartable';
      readonly why: string;
      /** The host could start no program just now: it says nothing of this one. */
      readonly isHostTrouble: boolean;
      readonly logLines: readonly string[];
    };

export interface FirstLauncherPorts extends Pick<LauncherPorts, 'disk' | 'clock' | 'log'> {
  readonly bootId: string;
  /** Whether a launcher slot starts at all: a failing execve would end this process, not return. */
  checkStart(slot: Slot): Promise<StartCheck>;
}

export type FirstChoice =
  | { readonly kind: 'become'; readonly slot: Slot }
  | { readonly kind: 'stay' };

/** A trial, a refusal, the committed one, itself: each pass of the loop takes one of these away. */
const PASSES_MAX: number = TRIES_MAX + 3;

/** B7. What to become; each try is on disk when it resolves. Throws what `loadRecord` throws. */
export async function chooseFirst(ports: FirstLauncherPorts): Promise<FirstChoice> {
  let record = await loadRecord(ports);
  const failed = new Set<string>();
  let lastFailure: Evidence | null = null;
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const choice = chooseLauncher(record, failed);
    if (choice.kind === 'first-launcher') return { kind: 'stay' };
    const { slot } = choice;
    if (choice.kind === 'try') {
      const counted = countTry(record, ports.bootId, lastFailure);
      // B4: a trial whose try, or whose refusal, cannot be written is not booted.
      if (!(await isSaved(ports, counted.record))) {
        failed.add(slot.digest);
        continue;
      }
      record = counted.record;
      if (!counted.isBegun) continue;
    }
    const check = await ports.checkStart(slot);
    if (check.kind === 'startable') return { kind: 'become', slot };
    ports.log.error('a launcher cannot be started', { slot: slot.dir, why: check.why });
    if (check.isHostTrouble) {
      // B5: not tried. This program is here already; the next start of the unit, or of the agent, chooses anew.
      if (choice.kind === 'try') await isSaved(ports, giveTryBack(record, 'launcher'));
      return { kind: 'stay' };
    }
    lastFailure = evidence('not-started', check.why, check.logLines);
    if (choice.kind === 'committed') failed.add(slot.digest);
  }
  return { kind: 'stay' };
}

function countTry(
  record: BootRecord,
  bootId: string,
  lastFailure: Evidence | null,
): { readonly record: BootRecord; readonly isBegun: boolean } {
  const begun = beginTry(record, 'launcher', bootId);
  if (begun.kind === 'begun') return { record: begun.record, isBegun: true };
  const attemptId = record.components.launcher.trial?.attemptId ?? '';
  const detail =
    'it ended, or was ended by the watchdog, before it was committed, as often as it may';
  const refused = refuseTrial(record, {
    component: 'launcher',
    attemptId,
    evidence: lastFailure ?? evidence(begun.reason, detail, []),
  });
  return { record: refused.kind === 'changed' ? refused.record : record, isBegun: false };
}

async function isSaved(ports: FirstLauncherPorts, record: BootRecord): Promise<boolean> {
  try {
    await ports.disk.writeRecord(encodeBootRecord(record));
    return true;
  } catch (caught) {
    ports.log.error('the boot record cannot be written', {
      code: 'boot-record-unwritable',
      why: messageOf(caught),
    });
    return false;
  }
}

function evidence(
  reason: Evidence['reason'],
  detail: string,
  logLines: readonly string[],
): Evidence {
  return { reason, detail, exitCode: null, signal: null, logLines, samples: [] };
}
