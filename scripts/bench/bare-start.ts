import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { versionsDirOf } from '@moult/core/layout';
import type { Host } from '../fleet/host.ts';

/** The runtime that the agent runs on, started with an empty script until its end. */
export async function bareStartMs(host: Host): Promise<number> {
  const { committed } = (await host.bootRecord()).components.agent;
  const program = join(versionsDirOf(host.layout, 'agent'), committed?.dir ?? '', 'bin', 'node');
  const startedMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, ['-e', '0'], { stdio: 'ignore', env: {} });
    child.once('error', reject);
    child.once('exit', () => resolve());
  });
  return performance.now() - startedMs;
}
