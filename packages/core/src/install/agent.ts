/* What `moult agent install` does on a host. */
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
  unitName,
  unitSteps,
  userSteps,
} from './parts.ts';
import {
  agentRuns,
  foreignDirectory,
  midUpgrade,
  sharedDirectories,
  unreachable,
} from './refusals.ts';
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
    (needsEnrollment(facts) ? incomplete(facts, wish) : null) ??
    servesWithoutVersions(facts)
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

/** What it would be given is taken from under its feet meanwhile. One that is not enrolled serves nobody. */
function servesWithoutVersions(facts: AgentInstallFacts): CodedError | null {
  if (facts.hasVersions || facts.identity.instance === null) return null;
  return agentRuns(facts);
}

/**
 * I7: also where versions are missing and the boot record does not say which ran here: which come first is said at enrollment,
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
