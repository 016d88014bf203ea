/* What decides whether a command may go on, as the store knows it; core names what stands in the way. */
import {
  CAPABILITY_FOR,
  type CommandKind,
  type HoldFacts,
  knowsPace,
  NO_UPGRADE_FACTS,
  type UpgradeFacts,
} from '@moult/core/command';
import { ownerHoldOf } from '@moult/core/owner-word';
import { compareVersions } from '@moult/core/versions';
import type { CommandTable } from '../database.ts';
import { componentRow } from './component-rows.ts';
import type { ReadContext } from './context.ts';
import type { InstanceRow } from './instances.ts';
import { isHeldByRestore } from './lives.ts';
import { isInMaintenance } from './maintenance.ts';
import { platformOf } from './releases.ts';
import type { Slot } from './slot.ts';
import { type InFlight, isTurnTaken, otherInFlight, rolloutHoldOf } from './turns.ts';

/** C17: so long an upgrade goes before all else once its agent is Up; a missing artifact must not silence a host. */
const UPGRADE_FIRST_MS = 600_000;

/** The facts of one command; `isConnected` is the only one that no table has. */
export async function holdFactsOf(
  db: ReadContext,
  of: {
    readonly instance: InstanceRow;
    readonly command: CommandTable;
    readonly isConnected: boolean;
    readonly nowMs: number;
    /** It was given its turn: nobody else stands in its way. */
    readonly hasTurn?: boolean;
  },
): Promise<HoldFacts> {
  const { instance, command, hasTurn = false } = of;
  const marks = JSON.parse(instance.marks) as readonly string[];
  const other = hasTurn ? null : await otherInFlight(db, { instance, command });
  return {
    kind: command.kind,
    state: of.isConnected ? instance.state : 'Down',
    isValidated: instance.validated_ms !== null,
    isQuarantined: instance.quarantined_ms !== null,
    isInProbation: marks.includes('probation'),
    isCapable: isCapableOf(instance, command.kind),
    isRestoredAndNotAdopted: await isHeldByRestore(db),
    isUpgradeInFlight: other !== null,
    isUpgradeFirst: other !== null && isFirst(instance, other, of.nowMs),
    upgrade:
      command.kind === 'autoUpgrade'
        ? await upgradeFactsOf(db, { instance, command, hasTurn, nowMs: of.nowMs })
        : NO_UPGRADE_FACTS,
  };
}

async function upgradeFactsOf(
  db: ReadContext,
  of: {
    readonly instance: InstanceRow;
    readonly command: CommandTable;
    readonly hasTurn: boolean;
    readonly nowMs: number;
  },
): Promise<UpgradeFacts> {
  const { instance, command, hasTurn } = of;
  const { component, version } = command;
  const capabilities = declaredBy(instance);
  const built = await platformOf(db, { component, version, platform: instance.platform });
  const row = await componentRow(db, { instanceId: instance.id, component });
  const launcher = await componentRow(db, { instanceId: instance.id, component: 'launcher' });
  const refused = JSON.parse(row?.refused ?? '[]') as readonly Slot[];
  return {
    isForced: command.is_forced === 1,
    isRevert: command.is_revert === 1,
    isPaceKnown: knowsPace(capabilities, command.pace),
    hasPlatform: built !== null,
    isLauncherTooOld: isOlder(launcher?.current_version ?? null, built?.minimum_launcher ?? null),
    isRefusedHere: built !== null && refused.some((slot) => slot.digest === built.digest),
    ownerHold: ownerHoldOf(JSON.parse(instance.marks) as readonly string[], {
      component,
      version,
      isForced: command.is_forced === 1,
      currentVersion: row?.current_version ?? null,
    }),
    notBeforeMs: command.not_before_ms,
    isInMaintenance: await isInMaintenance(db, of.nowMs),
    rolloutHold: command.origin === 'rollout' ? await rolloutHoldOf(db, command.id) : null,
    isTurnTaken:
      !hasTurn && command.has_place === 1 && (await isTurnTakenFrom(db, { instance, command })),
  };
}

/** What a person ordered waits for no turn. */
export async function isTurnTakenFrom(
  db: ReadContext,
  of: { readonly instance: InstanceRow; readonly command: CommandTable },
): Promise<boolean> {
  return of.command.origin !== 'manual' && (await isTurnTaken(db, of));
}

/** C17: it waited for its host, and takes it from its work. */
function isFirst(instance: InstanceRow, upgrade: InFlight, nowMs: number): boolean {
  if (upgrade.has_place === 0) return false;
  const cameUpMs = instance.came_up_ms ?? 0;
  return upgrade.created_ms <= cameUpMs && nowMs - cameUpMs < UPGRADE_FIRST_MS;
}

/** Null before its first session: what it can do is not known yet. */
function isCapableOf(instance: InstanceRow, kind: CommandKind): boolean | null {
  return declaredBy(instance)?.includes(CAPABILITY_FOR[kind]) ?? null;
}

function declaredBy(instance: InstanceRow): readonly string[] | null {
  if (instance.came_up_ms === null && instance.capabilities === '[]') return null;
  return JSON.parse(instance.capabilities) as readonly string[];
}

/** A host without a launcher is not held here: it says itself what it can do. */
function isOlder(version: string | null, minimum: string | null): boolean {
  return version !== null && minimum !== null && compareVersions(version, minimum) < 0;
}
