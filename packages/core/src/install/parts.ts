/* Parts that plans share: users, directories, units. */
import type { PathTable, UnitFacts, User, Users } from './facts.ts';
import type { InstallStep, PlannedStep } from './step.ts';

const UNIT_MODE = 0o644;

/** A directory, whose it is in the end, and what its mode may be at the most. */
export interface Place {
  readonly path: string;
  readonly owner: 'admin' | 'service';
  readonly mode: number;
  /** An agent opens its state to its group; what is stricter than this is left alone. */
  readonly modeMax: number;
}

export function todo(step: InstallStep): PlannedStep {
  return { step, isDone: false };
}

export function planned(step: InstallStep, isDone: boolean): PlannedStep {
  return { step, isDone };
}

/** Of a user who is not the installer. Somebody who is there has a group already, whatever its name. */
export function userSteps(users: Users, homeDir: string): readonly PlannedStep[] {
  const { admin, service, hasServiceGroup } = users;
  if (service.name === admin.name) return [];
  const user = { kind: 'make-user', name: service.name, homeDir } as const;
  if (service.ids !== null) return [planned(user, true)];
  return [planned({ kind: 'make-group', name: service.name }, hasServiceGroup), todo(user)];
}

/**
 * I3. `isAdminFirst`: the installer works in what will be the service user's: it is the installer's meanwhile, so that nobody who
 * runs as that user can put a link in the way of root, and is handed over afterwards.
 */
export function directorySteps(
  places: readonly Place[],
  of: { readonly users: Users; readonly paths: PathTable; readonly isAdminFirst: boolean },
): readonly PlannedStep[] {
  return places.map(({ path, owner, mode, modeMax }) => {
    const user = owner === 'service' && !of.isAdminFirst ? of.users.service : of.users.admin;
    const found = of.paths[path] ?? null;
    if (found === null) return todo({ kind: 'make-directory', path, owner: user.name, mode });
    const isRight = found.uid === user.ids?.uid && (found.mode & ~modeMax & 0o7777) === 0;
    if (isRight) return planned({ kind: 'make-directory', path, owner: user.name, mode }, true);
    // What the installer has not handed over yet is for a step of its own.
    const isToHandOver = owner === 'service' && !of.isAdminFirst && isOf(found, of.users.admin);
    if (isToHandOver && (found.mode & ~modeMax & 0o7777) === 0) {
      return planned({ kind: 'make-directory', path, owner: of.users.admin.name, mode }, true);
    }
    const to = isToHandOver ? of.users.admin : user;
    return todo({ kind: 'set-access', path, owner: to.name, mode });
  });
}

/** A tree is given away only by whom it belongs to: nobody else can have put anything in it. */
export function handOverSteps(
  places: readonly Place[],
  of: { readonly users: Users; readonly paths: PathTable; readonly isAdminFirst: boolean },
): readonly PlannedStep[] {
  const { admin, service } = of.users;
  if (admin.name === service.name) return [];
  return places
    .filter(({ owner }) => owner === 'service')
    .map(({ path }) => {
      const found = of.paths[path] ?? null;
      const isDone = !of.isAdminFirst && (found === null || !isOf(found, admin));
      return planned({ kind: 'hand-over', path, owner: service.name }, isDone);
    });
}

function isOf(found: { readonly uid: number }, user: User): boolean {
  return found.uid === user.ids?.uid;
}

/** Names of files that need no quoting. */
export function unitName(kind: string, root: string | null, rootDigest: string): string {
  if (root === null) return `${kind}.service`;
  const name = (root.split('/').at(-1) ?? '').replaceAll(/[^A-Za-z0-9_.]+/g, '-').slice(0, 40);
  return `${kind}-${name}-${rootDigest.slice(0, 8)}.service`;
}

export interface UnitWish {
  readonly admin: string;
  readonly what: string;
  readonly isStarted: boolean;
}

export function unitSteps(unit: UnitFacts, wish: UnitWish): readonly PlannedStep[] {
  const { name, path, text, found, systemd } = unit;
  const isSame = found === text;
  const owner = wish.admin;
  const write = {
    kind: 'write-file',
    what: wish.what,
    path,
    owner,
    mode: UNIT_MODE,
    text,
  } as const;
  if (systemd === null) return [planned(write, isSame)];
  const { isEnabled, isActive, needsReload } = systemd;
  const systemctl = (verb: 'daemon-reload' | 'enable' | 'start', isDone: boolean) =>
    planned({ kind: 'systemctl', verb, unit: verb === 'daemon-reload' ? null : name }, isDone);
  return [
    planned(write, isSame),
    systemctl('daemon-reload', isSame && !needsReload),
    systemctl('enable', isEnabled),
    ...(wish.isStarted ? [systemctl('start', isActive)] : []),
  ];
}

/** Stops and disables it, and takes it away. */
export function unitRemovalSteps(unit: UnitFacts, what: string): readonly PlannedStep[] {
  const { name, path, found, systemd } = unit;
  const removal = planned({ kind: 'remove', what, path }, found === null);
  if (systemd === null) return [removal];
  return [
    planned({ kind: 'systemctl', verb: 'stop', unit: name }, !systemd.isActive),
    planned({ kind: 'systemctl', verb: 'disable', unit: name }, !systemd.isEnabled),
    removal,
    planned({ kind: 'systemctl', verb: 'daemon-reload', unit: null }, found === null),
  ];
}
