/* What `moult agent uninstall` takes off a host, and `prepare-image` before it is copied. */
import { CodedError } from '../errors/index.ts';
import type { Layout } from '../layout.ts';
import { type AgentFacts, type AgentIdentity, markPath } from './agent.ts';
import type { UnitFacts } from './facts.ts';
import { planned, todo, unitRemovalSteps, unitSteps } from './parts.ts';
import { agentRuns, midUpgrade, sharedDirectories } from './refusals.ts';
import type { InstallPlan, PlannedStep } from './step.ts';

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
    (facts.unit.systemd?.isActive === true ? null : agentRuns(facts))
  );
}

export function agentUninstallPlan(
  facts: AgentUninstallFacts,
  wish: AgentUninstallWish,
): InstallPlan {
  const { layout, paths, unit, enrollUnit } = facts;
  const removal = (what: string, path: string): PlannedStep =>
    planned({ kind: 'remove', what, path }, (paths[path] ?? null) === null);
  const hasCoordinator = (paths[coordinatorConfigPath(layout)] ?? null) !== null;
  const state = wish.isPurge
    ? [removal('state and identity', layout.stateDir)]
    : // I9: the boot record stays: it says which versions the next installation brings back.
      asAdminsOwn(facts, [removal('compile cache', layout.compileCacheDir)]);
  const config = [
    ...configFiles(layout, hasCoordinator).map((path) => removal('configuration', path)),
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

/** What an agent has there. A coordinator's files may lie beside them: then the CA is its own. */
export function configFiles(layout: Layout, hasCoordinator: boolean): readonly string[] {
  return [
    layout.agentConfigPath,
    layout.tasksPath,
    layout.pinnedRootPath,
    ...(hasCoordinator ? [] : [layout.caPath]),
    enrollmentTokenPath(layout),
    markPath(layout.configDir),
  ];
}

/** There where a coordinator is configured on the same machine. */
export function coordinatorConfigPath(layout: Layout): string {
  return `${layout.configDir}/coordinator.yaml`;
}

export function enrollmentTokenPath(layout: Layout): string {
  return `${layout.configDir}/enrollment.token`;
}

/**
 * I3: root removes nothing below a directory of somebody who could put a link there in that moment: the state is its own
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

/** I10: what copies keep of the state: the newest trusted metadata, with its floor of time. */
const KEPT_IN_STATE: readonly string[] = ['trust', 'instance.json', 'compile-cache'];

export function imageRefusal(facts: ImageFacts): CodedError | null {
  const { hasVersions, layout } = facts;
  return (
    sharedDirectories(facts) ??
    agentRuns(facts) ??
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
