/* What `moult coordinator install` and `uninstall` do. */
import { CodedError } from '../errors/index.ts';
import type { PathTable, UnitFacts, Users } from './facts.ts';
import {
  directorySteps,
  handOverSteps,
  type Place,
  planned,
  unitName,
  unitRemovalSteps,
  unitSteps,
  userSteps,
} from './parts.ts';
import { foreignDirectory, unreachable } from './refusals.ts';
import type { InstallPlan } from './step.ts';

export interface CoordinatorPlaces {
  readonly configPath: string;
  readonly configDir: string;
  readonly stateDir: string;
}

export interface CoordinatorFacts {
  readonly places: CoordinatorPlaces;
  /** Null: a system-wide installation. */
  readonly root: string | null;
  readonly users: Users;
  readonly paths: PathTable;
  /** Directories above the state, by path. */
  readonly above: PathTable;
  /** The program that the unit starts, with what is above it. */
  readonly program: PathTable;
  readonly unit: UnitFacts;
  /** Its configuration is there. */
  readonly isMade: boolean;
  /** Somebody works on its store. */
  readonly isServing: boolean;
}

export interface CoordinatorInstallWish {
  readonly hasKeys: boolean;
  readonly isStarted: boolean;
}

export function coordinatorUnitName(root: string | null, rootDigest: string): string {
  return unitName('moult-coordinator', root, rootDigest);
}

function placesOf({ configDir, stateDir }: CoordinatorPlaces): readonly Place[] {
  return [
    { path: configDir, owner: 'admin', mode: 0o755, modeMax: 0o755 },
    { path: stateDir, owner: 'service', mode: 0o700, modeMax: 0o700 },
  ];
}

export function coordinatorInstallRefusal(
  facts: CoordinatorFacts,
  wish: CoordinatorInstallWish,
): CodedError | null {
  const { users, paths, places } = facts;
  const { admin, service } = users;
  return (
    foreignDirectory(places.configDir, paths[places.configDir] ?? null, [admin]) ??
    foreignDirectory(places.stateDir, paths[places.stateDir] ?? null, [service, admin]) ??
    unreachable(places.stateDir, service, facts.above) ??
    unreachable('this program, which the unit starts', service, facts.program) ??
    // What it writes in that moment would stay the installer's.
    (paths[places.stateDir]?.uid === service.ids?.uid ? null : serving(facts)) ??
    (facts.isMade || wish.hasKeys
      ? null
      : new CodedError('usage', 'there is no coordinator yet, and no keys were given', {
          remedy: 'Make keys with `moult keys init --dir keys`, and give them with --keys keys.',
        }))
  );
}

/** I12: stopped by its unit, if that runs it; whoever else does would lose the store beneath his feet. */
export function coordinatorUninstallRefusal(facts: CoordinatorFacts): CodedError | null {
  return facts.unit.systemd?.isActive === true ? null : serving(facts);
}

function serving({ isServing, places }: CoordinatorFacts): CodedError | null {
  if (!isServing) return null;
  return new CodedError('database-locked', `a coordinator serves from ${places.stateDir}`, {
    remedy: 'Stop whatever runs `moult coordinator serve` here, then run it again.',
  });
}

export function coordinatorInstallPlan(
  facts: CoordinatorFacts,
  wish: CoordinatorInstallWish,
): InstallPlan {
  const { users, paths, unit, places, isMade } = facts;
  const isAdminFirst = !isMade && users.admin.name !== users.service.name;
  const of = { users, paths, isAdminFirst };
  const all = placesOf(places);
  return [
    ...userSteps(users, places.stateDir),
    ...directorySteps(all, of),
    planned(
      { kind: 'init-coordinator', stateDir: places.stateDir, configPath: places.configPath },
      isMade,
    ),
    ...handOverSteps(all, of),
    ...unitSteps(unit, { admin: users.admin.name, what: 'unit', isStarted: wish.isStarted }),
  ];
}

/** The program is the package's, and stays. */
export function coordinatorUninstallPlan(
  facts: CoordinatorFacts,
  wish: { readonly isPurge: boolean; readonly configFiles: readonly string[] },
): InstallPlan {
  const { places, paths, unit } = facts;
  const removal = (what: string, path: string) =>
    planned({ kind: 'remove', what, path }, (paths[path] ?? null) === null);
  const kept = [
    removal('store, keys and releases', places.stateDir),
    ...wish.configFiles.map((path) => removal('configuration', path)),
    planned(
      { kind: 'remove-empty', path: places.configDir },
      (paths[places.configDir] ?? null) === null,
    ),
  ];
  return [...unitRemovalSteps(unit, 'unit'), ...(wish.isPurge ? kept : [])];
}
