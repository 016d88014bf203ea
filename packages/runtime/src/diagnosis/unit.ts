/*
 * The systemd unit that runs something of ours, found by what it starts, its state, and its journal. A host without
 * systemd has none, and says so.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { DIAGNOSIS_LIMITS, shownUnit } from '@moult/core/diagnosis';
import { cleanEnvironment } from '../environment.ts';
import { messageOf } from './gather.ts';
import { lastLines } from './log.ts';

/** Where systemd looks, the first one first. */
const UNIT_DIRS = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];
const UNITS_MAX = 4;
const FILE_BYTES_MAX = 65_536;
const ANSWER_MS_MAX = 10_000;
/** More than so many lines of a log of ours. */
const ANSWER_BYTES_MAX = 8 * 1_048_576;

/** Nothing of them can be a secret; `Environment` could. */
const PROPERTIES = [
  'Id',
  'LoadState',
  'UnitFileState',
  'FragmentPath',
  'DropInPaths',
  'NeedDaemonReload',
  'ActiveState',
  'SubState',
  'Result',
  'StateChangeTimestamp',
  'ActiveEnterTimestamp',
  'MainPID',
  'ExecMainStatus',
  'ExecMainCode',
  'ExecMainStartTimestamp',
  'NRestarts',
  'MemoryCurrent',
  'MemoryPeak',
  'TasksCurrent',
  'CPUUsageNSec',
];

const NO_UNIT = 'no systemd unit of this machine starts it';

/** Paths of the unit files whose text `isMeant`. */
export async function unitsThat(
  isMeant: (text: string) => boolean,
  dirs: readonly string[] = UNIT_DIRS,
): Promise<readonly string[]> {
  const found = new Map<string, string>();
  for (const dir of dirs) {
    for (const name of await readdir(dir).catch(() => [])) {
      if (!name.endsWith('.service') || found.has(name)) continue;
      const text = await readFile(join(dir, name), 'utf8').catch(() => '');
      if (isMeant(text)) found.set(name, join(dir, name));
    }
  }
  return [...found.values()].slice(0, UNITS_MAX);
}

export async function unitText(paths: readonly string[], stop: AbortSignal): Promise<string> {
  if (paths.length === 0) return `${NO_UNIT}\n`;
  const texts: string[] = [];
  for (const path of paths) {
    texts.push(`# ${path}\n${shownUnit((await readFile(path, 'utf8')).slice(0, FILE_BYTES_MAX))}`);
    const dropIns = await readdir(`${path}.d`).catch(() => []);
    for (const name of dropIns.toSorted()) {
      const dropIn = join(`${path}.d`, name);
      texts.push(
        `# ${dropIn}\n${shownUnit((await readFile(dropIn, 'utf8')).slice(0, FILE_BYTES_MAX))}`,
      );
    }
    const show = ['show', basename(path), `--property=${PROPERTIES.join(',')}`];
    texts.push(
      `# systemctl show ${basename(path)}\n${await asked('systemctl', show, stop).catch(messageOf)}`,
    );
  }
  return `${texts.join('\n')}\n`;
}

/** Throws where the log is nowhere: neither in a journal nor in a file that somebody named (`hasLogFile`). */
export async function journalText(
  paths: readonly string[],
  options: { readonly hasLogFile: boolean; readonly stop: AbortSignal },
): Promise<string> {
  const { hasLogFile, stop } = options;
  if (paths.length === 0) {
    if (hasLogFile) return `${NO_UNIT}\n`;
    throw new Error(`${NO_UNIT}: add the file that its log is written to with --log FILE`);
  }
  const { logLinesMax } = DIAGNOSIS_LIMITS;
  const units = paths.map((path) => `--unit=${basename(path)}`);
  const form = [`--lines=${logLinesMax}`, '--no-pager', '--output=short-iso-precise'];
  return lastLines(await asked('journalctl', [...units, ...form], stop), logLinesMax);
}

async function asked(program: string, args: readonly string[], stop: AbortSignal): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(program, [...args], {
    env: cleanEnvironment({ LC_ALL: 'C.UTF-8' }),
    signal: stop,
    timeout: ANSWER_MS_MAX,
    maxBuffer: ANSWER_BYTES_MAX,
  });
  return `${stdout}${stderr}`;
}
