/* All that is known of a coordinator's machine before its plan is made. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { type CoordinatorFacts, coordinatorUnitName, rootNeeded } from '@moult/core/install';
import { above, tableOf } from './paths.ts';
import { digestOf, unitDirOf, unitFacts, userOfUnit } from './units.ts';
import { currentUser, findUsers } from './users.ts';

/** Not the agent's: a task on the coordinator's machine must not reach the keys that sign its metadata. */
const OWN_USER = 'moult-coordinator';

export interface CoordinatorFactsWish {
  readonly root: string | null;
  /** `--user`; null: not given. */
  readonly user: string | null;
  readonly program: readonly string[];
}

/** `coordinator.yaml`, and what `init` writes beside it for people. Where an agent is, too, the CA is the agent's. */
export function coordinatorConfigFiles(configPath: string): readonly string[] {
  const beside = (name: string) => join(dirname(configPath), name);
  const hasAgent = existsSync(beside('agent.yaml'));
  return [configPath, beside('admin.token'), ...(hasAgent ? [] : [beside('ca.pem')])];
}

/** Throws `install-needs-root`, `user-unknown`, `tool-…`, `config-invalid`. */
export async function findCoordinator(wish: CoordinatorFactsWish): Promise<CoordinatorFacts> {
  const { root, program } = wish;
  const admin = currentUser();
  const refusal = rootNeeded({ root, uid: admin.ids.uid });
  if (refusal !== null) throw refusal;
  const { coordinatorUnitText, readCoordinatorConfig } = await import('@moult/coordinator');
  const { paths } = await readCoordinatorConfig({ root, environment: () => null });
  const { configPath, stateDir } = paths;
  const configDir = dirname(configPath);
  const unitPath = `${unitDirOf(root)}/${coordinatorUnitName(root, digestOf(root))}`;
  const users = await findUsers({
    admin,
    given: wish.user,
    before: await userOfUnit(unitPath),
    own: root === null ? OWN_USER : null,
  });
  const text = coordinatorUnitText({
    ...{ program, root, stateDir, configDir, user: users.service.name },
    description: `Moult coordinator${root === null ? '' : ` of ${root}`}`,
  });
  return {
    places: { configPath, configDir, stateDir },
    root,
    users,
    paths: await tableOf([configDir, stateDir, ...coordinatorConfigFiles(configPath)]),
    above: await above([stateDir, configDir]),
    program: { ...(await above(program)), ...(await tableOf(program)) },
    unit: await unitFacts({ path: unitPath, text, root, isRoot: admin.ids.uid === 0 }),
    isMade: existsSync(configPath),
    isServing: await isServing(paths.databasePath),
  };
}

async function isServing(databasePath: string): Promise<boolean> {
  // Whoever serves has made it.
  if (!existsSync(`${databasePath}.lock`)) return false;
  const { holdSqliteStore } = await import('@moult/store');
  try {
    holdSqliteStore(databasePath).release();
    return false;
  } catch (error) {
    if (error instanceof CodedError && error.code === 'database-locked') return true;
    throw error;
  }
}
