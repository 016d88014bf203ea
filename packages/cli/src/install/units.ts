/* Units of systemd: what is there, and whether it runs them. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Neighbour, UnitFacts } from '@moult/core/install';
import { readTextIfPresent } from '@moult/runtime/files';
import { runTool } from '@moult/runtime/system-tool';
import { realOf } from './paths.ts';

/** There once systemd runs as the first process of the system; so its own sd_booted(3) tells. */
const RUNS_PATH = '/run/systemd/system';

export function isSystemdRunning(): boolean {
  return existsSync(RUNS_PATH);
}

export function unitDirOf(root: string | null): string {
  return `${root ?? ''}/etc/systemd/system`;
}

/** Tells the units of several roots apart. */
export function digestOf(root: string | null): string {
  return createHash('sha256')
    .update(root ?? '')
    .digest('hex');
}

/** `--user` of a unit that is there. */
export async function userOfUnit(path: string): Promise<string | null> {
  const text = await readTextIfPresent(path);
  return text === null ? null : (/^User=(\S+)$/m.exec(text)?.[1] ?? null);
}

export async function unitFacts(unit: {
  readonly path: string;
  readonly text: string;
  /** Null: a system-wide installation. Units of others are systemd's once somebody has linked them. */
  readonly root: string | null;
  readonly isRoot: boolean;
}): Promise<UnitFacts> {
  const name = basename(unit.path);
  const found = await readTextIfPresent(unit.path);
  const systemd = unit.isRoot && isSystemdRunning() ? await systemdFacts(name) : null;
  const isIts = unit.root === null || systemd?.isKnown === true;
  return { name, path: unit.path, text: unit.text, found, systemd: isIts ? systemd : null };
}

async function systemdFacts(
  name: string,
): Promise<NonNullable<UnitFacts['systemd']> & { readonly isKnown: boolean }> {
  const ask = async (args: readonly string[]) => (await runTool('systemctl', args)).out.trim();
  const enabled = await ask(['is-enabled', name]);
  return {
    isKnown: !['', 'not-found'].includes(enabled),
    isEnabled: enabled === 'enabled',
    // One that is `activating` may be tried in vain, again and again: a start of ours says why.
    isActive: ['active', 'reloading'].includes(await ask(['is-active', name])),
    needsReload: (await ask(['show', '--property=NeedDaemonReload', '--value', name])) === 'yes',
  };
}

const UNIT_DIRS = ['/etc/systemd/system', '/run/systemd/system', '/usr/lib/systemd/system'];

/** Other units of agents that may write to one of these directories. */
export async function neighboursOf(of: {
  readonly root: string | null;
  readonly unit: string;
  readonly dirs: readonly string[];
}): Promise<readonly Neighbour[]> {
  const own = new Map<string, string>();
  for (const dir of of.dirs) own.set(await realOf(dir), dir);
  const neighbours: Neighbour[] = [];
  for (const unitDir of new Set([...UNIT_DIRS, unitDirOf(of.root)])) {
    for (const name of await readdir(unitDir).catch(() => [])) {
      if (!/^moult-agent.*\.service$/.test(name) || name === of.unit) continue;
      for (const path of writablePaths(await readTextIfPresent(`${unitDir}/${name}`))) {
        const shared = own.get(await realOf(path));
        if (shared !== undefined) neighbours.push({ unit: `${unitDir}/${name}`, path: shared });
      }
    }
  }
  return neighbours;
}

/** An enrollment unit writes to the directories of its own agent, and names them otherwise. */
function writablePaths(text: string | null): readonly string[] {
  const lines = [...(text ?? '').matchAll(/^ReadWritePaths=(.*)$/gm)].map(([, line = '']) => line);
  return lines.flatMap((line) =>
    [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, inQuotes, plain]) =>
      (inQuotes ?? plain ?? '').replaceAll(/\\(.)/g, '$1').replaceAll('%%', '%'),
    ),
  );
}
