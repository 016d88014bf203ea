/* The machine and the program that looks at it. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  arch,
  availableParallelism,
  freemem,
  hostname,
  loadavg,
  machine,
  release,
  totalmem,
  type,
  uptime,
} from 'node:os';
import type { Clock } from '../clock.ts';

export async function hostFacts(of: {
  readonly moult: string;
  readonly clock: Clock;
}): Promise<object> {
  return {
    moult: of.moult,
    runtime: { version: process.version, arch: arch(), path: process.execPath },
    now: new Date(of.clock.nowMs()).toISOString(),
    host: {
      name: hostname(),
      system: await systemName(),
      kernel: `${type()} ${release()} ${machine()}`,
      processors: availableParallelism(),
      memoryBytes: { free: freemem(), all: totalmem() },
      load: loadavg(),
      upSeconds: Math.round(uptime()),
      bootId: (await textOf('/proc/sys/kernel/random/boot_id')).trim(),
      isSystemd: existsSync('/run/systemd/system'),
      container: containerName(await textOf('/run/systemd/container')),
    },
    user: { uid: process.geteuid?.() ?? null, groups: process.getgroups?.() ?? [] },
    // Their values may be passwords.
    variables: Object.keys(process.env)
      .filter((name) => RELEVANT.test(name))
      .toSorted(),
  };
}

const RELEVANT = /^(MOULT_|NODE_|(https?|no|all)_proxy$|XDG_|HOME$|PATH$|TZ$|LANG$|LC_|TMPDIR$)/i;

async function systemName(): Promise<string> {
  const text = await textOf('/etc/os-release');
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? 'unknown';
}

function containerName(text: string): string | null {
  if (text.trim() !== '') return text.trim();
  return existsSync('/.dockerenv') ? 'docker' : null;
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}
