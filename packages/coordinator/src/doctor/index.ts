/*
 * `moult doctor` at a coordinator: what it serves from, signs with and keeps, whether it answers, and how its fleet does. It
 * changes nothing, takes no lock (DR1), and works beside a coordinator that serves, is stopped, or is broken.
 */

import { stat } from 'node:fs/promises';
import {
  type CoordinatorFacts,
  coordinatorChecks,
  DOWN_LONG_MS,
  type DoctorCheck,
  type Found,
  notLookedAt,
} from '@moult/core/doctor';
import { CodedError } from '@moult/core/errors';
import { auditBlobs } from '@moult/release/audit-blobs';
import { loadOnlineKeys } from '@moult/release/keys';
import { publishState, readCurrentState } from '@moult/release/repository';
import type { Clock } from '@moult/runtime/clock';
import { codeOf } from '@moult/runtime/files';
import { look } from '@moult/runtime/look';
import { type StoreView, viewSqliteStore } from '@moult/store';
import { lastBackupMs } from '../backup/last-backup.ts';
import {
  COORDINATOR_KEYS,
  type ConfigFlags,
  type CoordinatorConfig,
  type CoordinatorPaths,
  pathsOf,
  readCoordinatorConfig,
} from '../config.ts';
import { caIn, certificateIn, diskIn, troublesOfOwners } from './files.ts';
import { answerOf, handlesOf } from './serving.ts';

export interface DoctorCoordinatorOptions {
  readonly config: ConfigFlags;
  /** Every byte is read of what else is only counted. */
  readonly isDeep: boolean;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** What is being done, for people who wait; `done`: of that which takes long. */
  readonly onStep: (text: string, done?: { readonly part: number; readonly whole: number }) => void;
}

/** Whether there is anything of one where it is looked for. */
export async function isCoordinatorThere(flags: ConfigFlags): Promise<boolean> {
  const { root = null, config: configPath = null } = flags;
  const stateDir = COORDINATOR_KEYS.state.default;
  const paths = pathsOf({ root, configPath, stateDir });
  return (await isThere(paths.configPath)) || (await isThere(paths.databasePath));
}

export async function doctorCoordinator(
  options: DoctorCoordinatorOptions,
): Promise<readonly DoctorCheck[]> {
  const { stop, onStep } = options;
  const config = await look(() => readCoordinatorConfig(options.config), stop);
  if (!config.isFound) return [notLookedAt('configuration', config)];
  onStep('looking at the coordinator');
  return coordinatorChecks(await factsOf(config.value, options));
}

type StoreFacts = Pick<
  CoordinatorFacts,
  'administrators' | 'database' | 'blobs' | 'choices' | 'fleet' | 'forwards' | 'unadopted'
>;

async function factsOf(
  config: CoordinatorConfig,
  options: DoctorCoordinatorOptions,
): Promise<CoordinatorFacts> {
  const { paths } = config;
  const { stop } = options;
  const nowMs = options.clock.nowMs();
  return {
    nowMs,
    configPath: paths.configPath,
    answer: await look(() => answerOf(config, stop), stop),
    handles: await look(() => handlesOf(paths), stop),
    permissions: await look(() => troublesOfOwners(config), stop),
    disk: await look(() => diskIn(paths.stateDir), stop),
    certificate: await look(() => certificateIn(config), stop),
    ca: await look(() => caIn(config), stop),
    roles: await look(() => rolesIn(paths, nowMs), stop),
    onlineKeys: await look(() => requireOnlineKeys(paths), stop),
    backup: await look(() => lastBackupMs(paths), stop),
    ...(await storeFacts(paths, { ...options, nowMs })),
  };
}

async function rolesIn({ repositoryDir }: CoordinatorPaths, nowMs: number) {
  const { roles } = await publishState(repositoryDir, nowMs);
  return roles.map(({ role, signedBy, expiresMs, sizeBytes }) => {
    return { role, signedBy, expiresMs, sizeBytes };
  });
}

async function requireOnlineKeys({ repositoryDir, keysDir }: CoordinatorPaths): Promise<null> {
  const { root } = await readCurrentState(repositoryDir);
  await loadOnlineKeys(keysDir, root.metadata);
  return null;
}

async function storeFacts(
  paths: CoordinatorPaths,
  options: DoctorCoordinatorOptions & { readonly nowMs: number },
): Promise<StoreFacts> {
  const { stop, isDeep, nowMs } = options;
  const opened = await look(() => viewSqliteStore(paths.databasePath, { isDeep }), stop);
  const asked = <T>(work: (view: StoreView) => Promise<T>): Promise<Found<T>> =>
    look(() => {
      if (opened.isFound) return work(opened.value);
      throw new CodedError(opened.code, 'not looked at: the database cannot be opened');
    }, stop);
  try {
    return {
      database: opened.isFound ? { isFound: true, value: opened.value.facts } : opened,
      unadopted: await asked(
        async (view) => (await view.read('unadoptedLife', null))?.began_ms ?? null,
      ),
      fleet: await asked((view) =>
        view.read('fleetFacts', { notSeenSinceMs: nowMs - DOWN_LONG_MS }),
      ),
      administrators: await asked((view) => view.read('administrators', { nowMs })),
      choices: await asked((view) => view.read('impossibleChoices', null)),
      forwards: await asked(forwardsIn),
      blobs: await asked((view) => blobsIn(view, { ...options, blobsDir: paths.blobsDir })),
    };
  } finally {
    if (opened.isFound) opened.value.close();
  }
}

async function forwardsIn(view: StoreView) {
  const rows = await view.read('allForwards', null);
  return rows.map(({ target, failing_since_ms: failingSinceMs, trouble }) => {
    return { target, failingSinceMs, trouble };
  });
}

async function blobsIn(
  view: StoreView,
  of: DoctorCoordinatorOptions & { readonly blobsDir: string },
) {
  const { blobsDir, isDeep, stop, onStep } = of;
  const needed = await view.read('neededReleases', null);
  const audit = await auditBlobs({
    blobsDir,
    isDeep,
    signal: stop,
    releases: needed.map(({ component, version, platform, digest }) => {
      return { name: `${component} ${version} for ${platform}`, digest };
    }),
    onProgress: (done) => {
      if (isDeep) onStep('reading every byte of the releases', done);
    },
  });
  return { ...audit, releases: needed.length, isDeep };
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    // Who may not look is told by the checks.
    return codeOf(error) !== 'ENOENT';
  }
}
