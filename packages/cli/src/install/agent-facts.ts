/* All that is known of an agent's host before its plan is made. */
import { readdir } from 'node:fs/promises';
import type { Installed } from '@moult/agent/enroll';
import {
  type AgentFacts,
  agentPlaces,
  agentUnitName,
  configFiles,
  coordinatorConfigPath,
  type DirectoryMark,
  enrollUnitName,
  markedDirs,
  markPath,
  readMark,
  rootNeeded,
  type UnitFacts,
  type Users,
} from '@moult/core/install';
import { type Layout, layoutOf } from '@moult/core/layout';
import { readTextIfPresent } from '@moult/runtime/files';
import { enrollUnitText } from './enroll-unit.ts';
import { above, realOf, tableOf } from './paths.ts';
import {
  digestOf,
  isSystemdRunning,
  neighboursOf,
  unitDirOf,
  unitFacts,
  userOfUnit,
} from './units.ts';
import { currentUser, findUsers } from './users.ts';

/** Of a system-wide installation; it is made if it is not there. */
const OWN_USER = 'moult';

export interface AgentFactsWish {
  readonly root: string | null;
  /** `--user`; null: not given. */
  readonly user: string | null;
  /** `--coordinator`; null: not given. */
  readonly coordinator: string | null;
  /** Program and arguments before its own: this `moult`. */
  readonly program: readonly string[];
}

export interface FoundAgent {
  readonly installed: Installed;
  readonly facts: AgentFacts;
  readonly enrollUnit: UnitFacts;
  readonly stateNames: readonly string[];
}

/** Throws `install-needs-root`, `user-unknown`, `tool-…`, `config-invalid`, `file-unreadable`. */
export async function findAgent(wish: AgentFactsWish): Promise<FoundAgent> {
  const { root } = wish;
  const admin = currentUser();
  const refusal = rootNeeded({ root, uid: admin.ids.uid });
  if (refusal !== null) throw refusal;
  const layout = layoutOf(root);
  const { readInstalled } = await import('@moult/agent/enroll');
  const installed = await readInstalled(layout, wish.coordinator);
  const unitPath = `${unitDirOf(root)}/${agentUnitName(root, digestOf(root))}`;
  const users = await findUsers({
    admin,
    given: wish.user,
    before: await userOfUnit(unitPath),
    own: root === null ? OWN_USER : null,
  });
  const places = agentPlaces(layout, true).map(({ path }) => path);
  const unit = await agentUnit(layout, {
    root,
    users,
    path: unitPath,
    name: installed.identity.name,
  });
  const facts: AgentFacts = {
    layout,
    root,
    users,
    paths: await tableOf([
      ...places,
      ...configFiles(layout, false),
      coordinatorConfigPath(layout),
      layout.compileCacheDir,
      layout.stagingDir,
    ]),
    above: await above(places),
    marks: await Promise.all(markedDirs(layout).map((dir) => markIn(dir, layout))),
    neighbours: await neighboursOf({
      root,
      unit: unit.name,
      dirs: [layout.stateDir, `${layout.prefixDir}/versions`],
    }),
    upgrade: installed,
    unit,
    runningPid: installed.runningPid,
  };
  return {
    installed,
    facts,
    enrollUnit: await enrollUnit({ root, users, program: wish.program }),
    stateNames: await readdir(layout.stateDir).catch(() => []),
  };
}

async function agentUnit(
  layout: Layout,
  of: {
    readonly root: string | null;
    readonly users: Users;
    readonly path: string;
    readonly name: string | null;
  },
): Promise<UnitFacts> {
  const { root, users, path } = of;
  const text = await agentUnitText(layout, { root, user: users.service.name });
  return await unitFacts({ path, text, root, isRoot: users.admin.ids.uid === 0 });
}

async function enrollUnit(of: {
  readonly root: string | null;
  readonly users: Users;
  readonly program: readonly string[];
}): Promise<UnitFacts> {
  const { root, users, program } = of;
  const digest = digestOf(root);
  const text = enrollUnitText({
    program,
    root,
    user: users.service.name,
    agentUnit: agentUnitName(root, digest),
  });
  const path = `${unitDirOf(root)}/${enrollUnitName(root, digest)}`;
  return await unitFacts({ path, text, root, isRoot: users.admin.ids.uid === 0 });
}

async function markIn(dir: string, layout: Layout): Promise<DirectoryMark> {
  const of = readMark(await readTextIfPresent(markPath(dir)));
  if (of === null) return { path: dir, of, isSamePlace: false };
  const index = markedDirs(layout).indexOf(dir);
  const theirs = markedDirs(layoutOf(of.root))[index];
  const isSamePlace = theirs !== undefined && (await realOf(theirs)) === (await realOf(dir));
  return { path: dir, of, isSamePlace };
}

/** The unit as it lies there, beside what this version would write; null: no systemd runs here. */
export async function agentUnitHere(root: string | null): Promise<UnitFacts | null> {
  if (!isSystemdRunning()) return null;
  const path = `${unitDirOf(root)}/${agentUnitName(root, digestOf(root))}`;
  const user = (await userOfUnit(path)) ?? OWN_USER;
  const text = await agentUnitText(layoutOf(root), { root, user });
  // To ask systemd takes no rights.
  return await unitFacts({ path, text, root, isRoot: true });
}

async function agentUnitText(
  layout: Layout,
  of: { readonly root: string | null; readonly user: string },
): Promise<string> {
  const { unitText } = await import('@moult/launcher');
  const { root, user } = of;
  const description = `Moult agent${root === null ? '' : ` of ${root}`}`;
  return unitText({ layout, root, user, description });
}
