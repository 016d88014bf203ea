/*
 * `moult diagnose` on a host: everything that somebody needs who has never seen it, and no secret. It reads the disk, so that
 * it works while the agent runs, when none runs, and when what lies there is broken.
 */
import { readdir } from 'node:fs/promises';
import { readBootRecord, readHolder } from '@moult/core/boot';
import { DIAGNOSIS_LIMITS, type DiagnosisPart, shownSetting } from '@moult/core/diagnosis';
import { CodedError } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
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
  processFacts,
  unitsThat,
  unitText,
} from '@moult/runtime/diagnosis';
import { readTextIfPresent } from '@moult/runtime/files';
import { databaseDiagnosis } from '../database/diagnosis.ts';
import { askAgent } from '../owner/client.ts';
import { hostSecrets } from './secrets.ts';
import { slotFacts } from './slots.ts';
import { taskFacts } from './tasks.ts';
import { trustFacts } from './trust.ts';

export interface HostDiagnosisOptions {
  readonly layout: Layout;
  /** Of the program that looks. */
  readonly version: string;
  /** Files to which somebody sends the log of launcher and agent. */
  readonly logPaths: readonly string[];
  readonly clock: Clock;
  readonly stop: AbortSignal;
}

export interface HostDiagnosis {
  /** Null: the configuration does not say. */
  readonly agentName: string | null;
  readonly parts: readonly DiagnosisPart[];
}

/** Rejects when it is told to stop, and for nothing else. */
export async function diagnoseHost(options: HostDiagnosisOptions): Promise<HostDiagnosis> {
  const { layout, clock, stop } = options;
  const settings = await settingsIn(layout.agentConfigPath).catch(() => ({ name: null }));
  const parts = await gatherParts({
    sources: sourcesOf(options),
    secrets: await hostSecrets(layout),
    clock,
    stop,
  });
  return { agentName: typeof settings['name'] === 'string' ? settings['name'] : null, parts };
}

function sourcesOf(options: HostDiagnosisOptions): readonly PartSource[] {
  const { layout, logPaths } = options;
  return [
    {
      name: 'host.json',
      what: 'versions, machine, user',
      read: () => hostFacts({ moult: options.version, clock: options.clock }),
    },
    {
      name: 'configuration.json',
      what: 'agent.yaml',
      read: () => configurationFacts(layout.agentConfigPath),
    },
    { name: 'tasks.json', what: 'tasks.yaml, without values', read: () => taskFacts(layout) },
    {
      name: 'boot.json',
      what: 'what boots, what was refused and why',
      read: () => bootFacts(layout),
    },
    {
      name: 'agent-db.json',
      what: 'upgrade record, condition, queues, last commands',
      read: () => databaseDiagnosis(layout.agentDatabasePath),
    },
    {
      name: 'owner.json',
      what: 'what the owner said about upgrades, and locks',
      read: () => ownerFacts(layout),
    },
    {
      name: 'processes.json',
      what: 'launcher and agent, as the kernel sees them',
      read: () => processesOf(layout),
    },
    {
      name: 'slots.json',
      what: 'versions on this host, their manifests',
      read: () => slotFacts(layout),
    },
    {
      name: 'trust.json',
      what: 'CA, pinned root, metadata and when it ends',
      read: () => trustFacts(layout),
    },
    {
      name: 'files.txt',
      what: 'owners and modes of all files',
      read: () => listFiles([layout.configDir, layout.stateDir, layout.runDir, layout.prefixDir]),
    },
    {
      name: 'disk.json',
      what: 'space, inodes, mounts',
      read: () => diskFacts([layout.configDir, layout.stateDir, layout.prefixDir, '/tmp']),
    },
    {
      name: 'unit.txt',
      what: 'systemd unit and its state',
      read: async (stop) => unitText(await unitsOf(layout), stop),
    },
    {
      name: 'journal.txt',
      what: 'the last lines of launcher and agent',
      read: async (stop) =>
        journalText(await unitsOf(layout), { hasLogFile: logPaths.length > 0, stop }),
    },
    {
      name: 'agent-log.txt',
      what: 'the last lines that the serving agent has in memory',
      read: (stop) => ownLog(layout, stop),
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
    shownSetting({ program: 'agent', name, value }),
  ]);
  const isEnrolled = typeof settings['instance'] === 'string';
  return {
    path,
    settings: Object.fromEntries(shown),
    ...(isEnrolled ? {} : { trouble: `${path} names no instance: this host is not enrolled` }),
  };
}

/** A damaged record is shown as it lies there: it holds no secret, and what is wrong with it is the question. */
async function bootFacts(layout: Layout): Promise<object> {
  const path = layout.bootRecordPath;
  const text = await readTextIfPresent(path);
  const reading = readBootRecord(text);
  switch (reading.kind) {
    case 'read':
      return { path, ...reading };
    case 'absent':
      return { path, ...reading, trouble: `there is no ${path}: no launcher has started here` };
    case 'unreadable':
      return { path, ...reading, text, trouble: `it cannot be read: ${reading.why}` };
    case 'too-new':
      return { path, ...reading, text, trouble: `format ${reading.format} is not known here` };
  }
}

async function processesOf(layout: Layout): Promise<object> {
  const found: Record<string, unknown> = {};
  for (const [name, path] of Object.entries({
    agent: layout.holderPath,
    launcher: `${layout.stateDir}/launcher.json`,
  })) {
    const claim = await readTextIfPresent(path).catch((error: Error) => error.message);
    const holder = readHolder(claim);
    found[name] = {
      claim: holder ?? claim ?? `there is no ${path}`,
      process: holder === null ? null : await processFacts(holder.pid),
    };
  }
  return found;
}

async function ownerFacts(layout: Layout): Promise<object> {
  const text = await readTextIfPresent(layout.ownerWordPath);
  return {
    word: text === null ? 'nothing was ever said' : JSON.parse(text),
    locks: await readdir(layout.locksDir).catch(() => []),
  };
}

async function ownLog(layout: Layout, stop: AbortSignal): Promise<string> {
  const lines: string[] = [];
  try {
    await askAgent(
      layout.ownerSocketPath,
      { ask: 'logs', lines: DIAGNOSIS_LIMITS.logLinesMax, follow: false },
      { signal: stop, onLine: (line) => lines.push(line.trimEnd()) },
    );
  } catch (caught) {
    if (!(caught instanceof CodedError) || caught.code !== 'agent-not-serving') throw caught;
    lines.push(`${caught.code}: ${caught.message}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Those that start the first launcher of this instance. */
function unitsOf(layout: Layout): Promise<readonly string[]> {
  return unitsThat((text) => text.includes(`${layout.firstLauncherDir}/`));
}
