/* What `moult agent install` and `uninstall` do on a host, and `prepare-image` before it is copied. */
import type { RecordReading } from '../boot/index.ts';
import { COMPONENTS, type Component } from '../component.ts';
import { CodedError } from '../errors/index.ts';
import type { Layout } from '../layout.ts';
import type { Version } from '../versions.ts';
import type {
  DirectoryMark,
  Neighbour,
  PathTable,
  UnitFacts,
  UpgradeFacts,
  Users,
} from './facts.ts';
import {
  directorySteps,
  handOverSteps,
  type Place,
  planned,
  todo,
  unitName,
  unitRemovalSteps,
  unitSteps,
  userSteps,
} from './parts.ts';
import { foreignDirectory, midUpgrade, sharedDirectories, unreachable } from './refusals.ts';
import type { InstallPlan, PlannedStep } from './step.ts';

export interface AgentFacts {
  readonly layout: Layout;
  /** Null: a system-wide installation. */
  readonly root: string | null;
  readonly users: Users;
  readonly paths: PathTable;
  /** Directories above ours, by path. */
  readonly above: PathTable;
  readonly marks: readonly DirectoryMark[];
  readonly neighbours: readonly Neighbour[];
  readonly upgrade: UpgradeFacts;
  readonly unit: UnitFacts;
  /** Process of the launcher or the agent; null: neither runs. */
  readonly runningPid: number | null;
}

/** What agent.yaml says; null: it does not. */
export interface AgentIdentity {
  readonly coordinator: string | null;
  readonly name: string | null;
  readonly instance: string | null;
}

export interface AgentInstallWish {
  /** Null: not given. */
  readonly coordinator: string | null;
  readonly name: string | null;
  readonly hasToken: boolean;
  readonly isStarted: boolean;
  /** What the agent is called if nobody said so. */
  readonly hostName: string;
}

export interface AgentInstallFacts extends AgentFacts {
  readonly identity: AgentIdentity;
  /** First launcher, and a version of the agent that boots. */
  readonly hasVersions: boolean;
  /** Whether the coordinator that was given is the one of agent.yaml; null: one of them is not there. */
  readonly isSameCoordinator: boolean | null;
}

/** `moult-agent.service`; below a root told from others by its name and digest, as in `moult-agent-web-1-3f2a9c01.service`. */
export function agentUnitName(root: string | null, rootDigest: string): string {
  return unitName('moult-agent', root, rootDigest);
}

/** Of the unit that enrolls a copy of this host when it first boots. */
export function enrollUnitName(root: string | null, rootDigest: string): string {
  return unitName('moult-enroll', root, rootDigest);
}

/** The directories of one instance, whose they are, and how closed. */
export function agentPlaces(layout: Layout, hasRunDir: boolean): readonly Place[] {
  return [
    { path: layout.configDir, owner: 'admin', mode: 0o755, modeMax: 0o755 },
    { path: layout.prefixDir, owner: 'admin', mode: 0o755, modeMax: 0o755 },
    { path: `${layout.prefixDir}/versions`, owner: 'service', mode: 0o755, modeMax: 0o755 },
    { path: layout.stateDir, owner: 'service', mode: 0o700, modeMax: 0o710 },
    // With systemd it is the unit's.
    ...(hasRunDir
      ? [{ path: layout.runDir, owner: 'service', mode: 0o750, modeMax: 0o750 } as const]
      : []),
  ];
}

/** Directories that say whose they are. */
export function markedDirs(layout: Layout): readonly string[] {
  return [layout.configDir, layout.prefixDir, layout.stateDir];
}

export function markPath(dir: string): string {
  return `${dir}/instance.json`;
}

export function markText(root: string | null): string {
  return `${JSON.stringify({ root })}\n`;
}

/** Null: it is no mark. */
export function readMark(text: string | null): { readonly root: string | null } | null {
  if (text === null) return null;
  try {
    const raw = JSON.parse(text) as { readonly root?: unknown } | null;
    const root = raw?.root;
    return root === null || typeof root === 'string' ? { root } : null;
  } catch {
    return null;
  }
}

/** Null: nothing speaks against it. */
export function agentInstallRefusal(
  facts: AgentInstallFacts,
  wish: AgentInstallWish,
): CodedError | null {
  const { identity, users, layout } = facts;
  return (
    midUpgrade(facts.upgrade, 'moult agent install') ??
    sharedDirectories(facts) ??
    foreign(facts) ??
    otherIdentity(identity, { facts, wish }) ??
    unreachable(layout.stateDir, users.service, facts.above) ??
    (needsEnrollment(facts) ? incomplete(facts, wish) : null)
  );
}

function foreign({ users, paths, layout }: AgentFacts): CodedError | null {
  const { admin, service } = users;
  for (const { path, owner } of agentPlaces(layout, true)) {
    const owners = owner === 'admin' || admin.name === service.name ? [admin] : [service, admin];
    const refusal = foreignDirectory(path, paths[path] ?? null, owners);
    if (refusal !== null) return refusal;
  }
  return null;
}

function otherIdentity(
  identity: AgentIdentity,
  of: { readonly facts: AgentInstallFacts; readonly wish: AgentInstallWish },
): CodedError | null {
  const { facts, wish } = of;
  const path = facts.layout.agentConfigPath;
  if (facts.isSameCoordinator === false) {
    return new CodedError(
      'enrolled-elsewhere',
      `${path} belongs to ${identity.coordinator}, not to ${wish.coordinator}`,
    );
  }
  if (identity.name === null || wish.name === null || identity.name === wish.name) return null;
  return new CodedError(
    'directories-shared',
    `${path} is the agent ${identity.name}'s, not ${wish.name}'s`,
    {
      remedy:
        'Leave --name out to go on with the agent that is there, or give the other one a --root of its own.',
    },
  );
}

/**
 * Also where versions are missing and the boot record does not say which ran here: which come first is said at enrollment,
 * and the same key may ask again.
 */
function needsEnrollment(facts: AgentInstallFacts): boolean {
  if (facts.identity.instance === null) return true;
  return !facts.hasVersions && versionsBefore(facts.upgrade.boot) === null;
}

/** What was committed here, for an installation whose programs are gone; null: nobody knows. */
export function versionsBefore(
  boot: RecordReading,
): readonly { readonly component: Component; readonly version: Version }[] | null {
  if (boot.kind !== 'read') return null;
  const versions = COMPONENTS.flatMap((component) => {
    const { committed } = boot.record.components[component];
    return committed === null ? [] : [{ component, version: committed.version }];
  });
  return versions.length === COMPONENTS.length ? versions : null;
}

function incomplete(facts: AgentInstallFacts, wish: AgentInstallWish): CodedError | null {
  const isEnrolled = facts.identity.instance !== null;
  const why = isEnrolled
    ? `${facts.identity.name} is enrolled, but no version of the agent is installed`
    : 'this host is not enrolled yet';
  if ((wish.coordinator ?? facts.identity.coordinator) === null) {
    return new CodedError('usage', `${why}, and no coordinator was named`, {
      remedy: 'Give --coordinator https://host:port and --token.',
    });
  }
  if (wish.hasToken) return null;
  return new CodedError('usage', `${why}, and no enrollment token was given`, {
    remedy: isEnrolled
      ? 'Give the token again that it was enrolled with; a host that lost it is enrolled anew: see "Troubleshooting" in docs/installing.md.'
      : 'Make one with `moult tokens create`, and give it with --token, with --token-file, or on standard input with `--token -`.',
  });
}

/** For facts that nothing speaks against. */
export function agentInstallPlan(facts: AgentInstallFacts, wish: AgentInstallWish): InstallPlan {
  const { layout, users, paths, unit, root, identity } = facts;
  const enrolls = needsEnrollment(facts);
  const places = agentPlaces(layout, root !== null || unit.systemd === null);
  const marks = facts.marks.map((mark) => markStep(mark, { facts, owner: users.admin.name }));
  const isAdminFirst =
    users.admin.name !== users.service.name &&
    facts.runningPid === null &&
    (enrolls || !facts.hasVersions || marks.some(({ isDone }) => !isDone));
  const of = { users, paths, isAdminFirst };
  const coordinator = wish.coordinator ?? identity.coordinator ?? '';
  const name = identity.name ?? wish.name ?? wish.hostName;
  return [
    ...userSteps(users, layout.stateDir),
    ...directorySteps(places, of),
    ...marks,
    planned({ kind: 'enroll', name, coordinator }, !enrolls),
    planned({ kind: 'install-versions', prefixDir: layout.prefixDir }, facts.hasVersions),
    ...handOverSteps(places, of),
    ...unitSteps(unit, { admin: users.admin.name, what: 'unit', isStarted: wish.isStarted }),
  ];
}

function markStep(
  mark: DirectoryMark,
  of: { readonly facts: AgentFacts; readonly owner: string },
): PlannedStep {
  const { root } = of.facts;
  // Root writes nothing below a directory of a user whose programs run just now.
  const isOthers = mark.path === of.facts.layout.stateDir && of.facts.runningPid !== null;
  const isDone = isOthers || (mark.of !== null && mark.of.root === root);
  const path = markPath(mark.path);
  const text = markText(root);
  return planned(
    { kind: 'write-file', what: 'mark', path, owner: of.owner, mode: 0o644, text },
    isDone,
  );
}

export interface AgentUninstallWish {
  readonly isPurge: boolean;
  /** Also in the middle of an upgrade. */
  readonly isForced: boolean;
}

export interface AgentUninstallFacts extends AgentFacts {
  readonly enrollUnit: UnitFacts;
}

export function agentUninstallRefusal(
  facts: AgentUninstallFacts,
  wish: AgentUninstallWish,
): CodedError | null {
  // Its coordinator waits for the end of that upgrade: who takes the agent away then has to mean it.
  const again = 'moult agent uninstall';
  const upgrade = wish.isForced
    ? null
    : midUpgrade(facts.upgrade, again, ' Or take it away all the same: --force.');
  return (
    sharedDirectories(facts) ??
    upgrade ??
    // Where systemd does not run it nobody here can stop it for good: whoever supervises it starts it again.
    (facts.unit.systemd?.isActive === true ? null : running(facts))
  );
}

export function agentUninstallPlan(
  facts: AgentUninstallFacts,
  wish: AgentUninstallWish,
): InstallPlan {
  const { layout, paths, unit, enrollUnit } = facts;
  const removal = (what: string, path: string): PlannedStep =>
    planned({ kind: 'remove', what, path }, (paths[path] ?? null) === null);
  const state = wish.isPurge
    ? [removal('state and identity', layout.stateDir)]
    : // The boot record stays: it says which versions the next installation brings back.
      asAdminsOwn(facts, [removal('compile cache', layout.compileCacheDir)]);
  const config = [
    ...configFiles(layout).map((path) => removal('configuration', path)),
    planned(
      { kind: 'remove-empty', path: layout.configDir },
      (paths[layout.configDir] ?? null) === null,
    ),
  ];
  return [
    ...unitRemovalSteps(enrollUnit, 'unit'),
    ...unitRemovalSteps(unit, 'unit'),
    removal('launcher and versions', layout.prefixDir),
    removal('sockets and locks', layout.runDir),
    ...state,
    ...(wish.isPurge ? config : []),
  ];
}

/** What an agent has there; a coordinator's files may lie beside them. */
export function configFiles(layout: Layout): readonly string[] {
  return [
    layout.agentConfigPath,
    layout.tasksPath,
    layout.pinnedRootPath,
    layout.caPath,
    enrollmentTokenPath(layout),
    markPath(layout.configDir),
  ];
}

export function enrollmentTokenPath(layout: Layout): string {
  return `${layout.configDir}/enrollment.token`;
}

/**
 * Root removes nothing below a directory of somebody who could put a link there in that moment: the state is its own
 * meanwhile. One that an interrupted run left so is given back, too.
 */
function asAdminsOwn(facts: AgentFacts, removals: readonly PlannedStep[]): readonly PlannedStep[] {
  const { admin, service } = facts.users;
  const path = facts.layout.stateDir;
  const found = facts.paths[path] ?? null;
  if (found === null || service.ids === null || admin.name === service.name) return removals;
  const isTaken = found.uid === admin.ids.uid;
  if (!isTaken && removals.every(({ isDone }) => isDone)) return removals;
  const access = { kind: 'set-access', path, mode: 0o700 } as const;
  return [
    planned({ ...access, owner: admin.name }, isTaken),
    ...removals,
    todo({ ...access, owner: service.name }),
  ];
}

function running({ runningPid, unit }: AgentFacts): CodedError | null {
  if (runningPid === null) return null;
  const remedy =
    unit.systemd === null
      ? 'Stop whatever runs `moult launcher run` here, then run it again.'
      : `Stop it: systemctl stop ${unit.name}. Then run it again.`;
  return new CodedError('agent-runs', `the agent runs, process ${runningPid}`, { remedy });
}

export interface ImageFacts extends AgentUninstallFacts {
  readonly identity: AgentIdentity;
  readonly hasVersions: boolean;
  /** Names in the state directory. */
  readonly stateNames: readonly string[];
}

export interface ImageWish {
  /** Text of an enrollment token for copies; null: each is enrolled by hand. */
  readonly token: string | null;
}

/** What copies keep of the state: the newest trusted metadata, with its floor of time. */
const KEPT_IN_STATE: readonly string[] = ['trust', 'instance.json', 'compile-cache'];

export function imageRefusal(facts: ImageFacts): CodedError | null {
  const { hasVersions, layout } = facts;
  return (
    sharedDirectories(facts) ??
    running(facts) ??
    midUpgrade(facts.upgrade, 'moult agent prepare-image') ??
    (hasVersions && facts.identity.coordinator !== null
      ? null
      : new CodedError('not-enrolled', `nothing is installed in ${layout.prefixDir} to be copied`, {
          remedy: 'Install it first: `moult agent install --coordinator URL --token TOKEN`.',
        }))
  );
}

export function imagePlan(facts: ImageFacts, wish: ImageWish): InstallPlan {
  const { layout, users, paths, enrollUnit, identity, stateNames } = facts;
  const left = stateNames.filter((name) => !KEPT_IN_STATE.includes(name)).sort();
  const removals = left.map((name) =>
    todo({ kind: 'remove', what: 'state', path: `${layout.stateDir}/${name}` }),
  );
  const removal = (what: string, path: string) =>
    planned({ kind: 'remove', what, path }, (paths[path] ?? null) === null);
  const tokenPath = enrollmentTokenPath(layout);
  const admin = users.admin.name;
  const token =
    wish.token === null
      ? []
      : [
          todo({
            ...({ kind: 'write-file', what: 'enrollment token', path: tokenPath } as const),
            ...{ owner: admin, mode: 0o600, text: `${wish.token.trim()}\n` },
          }),
        ];
  const isForgotten = identity.instance === null && identity.name === null;
  return [
    ...asAdminsOwn(facts, removals),
    removal('partial blobs', layout.stagingDir),
    removal('sockets and locks', layout.runDir),
    planned({ kind: 'forget-instance', path: layout.agentConfigPath }, isForgotten),
    ...token,
    ...unitSteps(enrollUnit, { admin, what: 'unit', isStarted: false }),
  ];
}
