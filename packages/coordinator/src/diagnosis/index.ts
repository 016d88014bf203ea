/*
 * `moult diagnose --coordinator`: what somebody needs who has never seen this coordinator, and no secret. It reads the disk, so
 * that it works while the coordinator serves, when it does not, and when what lies there is broken.
 */
import { resolve } from 'node:path';
import { type DiagnosisPart, shownSetting } from '@moult/core/diagnosis';
import type { Clock } from '@moult/runtime/clock';
import { settingsIn } from '@moult/runtime/config';
import {
  diskFacts,
  gatherParts,
  hostFacts,
  journalText,
  listFiles,
  logTail,
  type PartSource,
  unitsThat,
  unitText,
} from '@moult/runtime/diagnosis';
import { storeAttempts, storeFacts, storeHistory } from '@moult/store';
import { COORDINATOR_KEYS, type CoordinatorPaths, pathsOf } from '../config.ts';
import { holderFacts } from './process.ts';
import { repositoryFacts } from './repository.ts';
import { coordinatorSecrets } from './secrets.ts';

export interface CoordinatorDiagnosisOptions {
  readonly root: string | null;
  /** Null: /etc/moult/coordinator.yaml, below `root`. */
  readonly configPath: string | null;
  /** Of the program that looks. */
  readonly version: string;
  /** Files to which somebody sends its log. */
  readonly logPaths: readonly string[];
  readonly clock: Clock;
  readonly stop: AbortSignal;
}

type Settings = Readonly<Record<string, unknown>>;

interface Place {
  readonly paths: CoordinatorPaths;
  readonly settings: Settings;
}

/** Rejects when it is told to stop, and for nothing else. */
export async function diagnoseCoordinator(
  options: CoordinatorDiagnosisOptions,
): Promise<readonly DiagnosisPart[]> {
  const { clock, stop } = options;
  const place = await placeOf(options);
  return await gatherParts({
    sources: sourcesOf(options, place),
    secrets: await coordinatorSecrets(place.paths, place.settings),
    clock,
    stop,
  });
}

/** A configuration that cannot be read says no more than one that is missing: then the usual places are looked at. */
async function placeOf(options: CoordinatorDiagnosisOptions): Promise<Place> {
  const { root, configPath } = options;
  const { configPath: path } = pathsOf({ root, configPath, stateDir: '/' });
  const settings: Settings = await settingsIn(path).catch(() => ({}));
  const stateDir =
    typeof settings['state'] === 'string' ? settings['state'] : COORDINATOR_KEYS.state.default;
  return { paths: pathsOf({ root, configPath, stateDir }), settings };
}

function sourcesOf(options: CoordinatorDiagnosisOptions, place: Place): readonly PartSource[] {
  const { clock, logPaths } = options;
  const { paths, settings } = place;
  const { configPath, stateDir, databasePath } = paths;
  return [
    {
      name: 'host.json',
      what: 'versions, machine, user',
      read: () => hostFacts({ moult: options.version, clock }),
    },
    {
      name: 'configuration.json',
      what: 'coordinator.yaml',
      read: () => configurationFacts(configPath),
    },
    {
      name: 'store.json',
      what: 'schema, agents, commands and why they wait, by number',
      read: () => storeFacts(databasePath),
    },
    {
      name: 'attempts.json',
      what: 'the last attempts at upgrades, with evidence',
      read: () => storeAttempts(databasePath),
    },
    {
      name: 'history.json',
      what: 'the last rows of history',
      read: () => storeHistory(databasePath),
    },
    {
      name: 'repository.json',
      what: 'metadata, certificates, blobs',
      read: () => repositoryFacts({ paths, nowMs: clock.nowMs() }, settings['tls.cert']),
    },
    {
      name: 'processes.json',
      what: 'who works on the store, as the kernel sees it',
      read: () => holderFacts(databasePath),
    },
    {
      name: 'files.txt',
      what: 'owners and modes of its files',
      read: () => listFiles([configPath, stateDir]),
    },
    { name: 'disk.json', what: 'space, inodes, mounts', read: () => diskFacts([stateDir, '/tmp']) },
    {
      name: 'unit.txt',
      what: 'systemd unit and its state',
      read: async (stop) => unitText(await unitsOf(options), stop),
    },
    {
      name: 'journal.txt',
      what: 'the last lines of its log',
      read: async (stop) =>
        journalText(await unitsOf(options), { hasLogFile: logPaths.length > 0, stop }),
    },
    ...logPaths.map((path, index) => ({
      name: `log-${index + 1}.txt`,
      what: `the last lines of ${path}`,
      read: () => logTail(path),
    })),
  ];
}

async function configurationFacts(path: string): Promise<object> {
  const settings = await settingsIn(path);
  const shown = Object.entries(settings).map(([name, value]) => [
    name,
    shownSetting({ program: 'coordinator', name, value }),
  ]);
  const isThere = shown.length > 0;
  return {
    path,
    settings: Object.fromEntries(shown),
    ...(isThere ? {} : { trouble: `there is no ${path}, or nothing in it` }),
  };
}

/** Those that serve from this root, or from the system's own places. */
function unitsOf({ root }: CoordinatorDiagnosisOptions): Promise<readonly string[]> {
  return unitsThat((text) => {
    if (!/^ExecStart=.*\bcoordinator serve\b/m.test(text)) return false;
    return root === null ? !text.includes('--root') : text.includes(resolve(root));
  });
}
