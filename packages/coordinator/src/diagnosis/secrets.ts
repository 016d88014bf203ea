/* What a coordinator keeps that must not be in its diagnosis. */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Secret } from '@moult/core/diagnosis';
import {
  secretsOfEnvironment,
  secretsOfFile,
  secretsOfKey,
  secretsOfSettings,
} from '@moult/runtime/diagnosis';
import type { CoordinatorPaths } from '../config.ts';

export async function coordinatorSecrets(
  paths: CoordinatorPaths,
  settings: Readonly<Record<string, unknown>>,
): Promise<readonly Secret[]> {
  const keyPath = settings['tls.key'];
  const secretPath = settings['forward.secretFile'];
  const keyPaths = [
    ...(await keysIn(paths.keysDir)),
    ...(await keysIn(paths.tlsDir)),
    ...(typeof keyPath === 'string' ? [keyPath] : []),
  ];
  return [
    ...(await Promise.all(keyPaths.map(secretsOfKey))).flat(),
    // `init` leaves it beside the configuration, for whoever logs in first.
    ...(await secretsOfFile(join(dirname(paths.configPath), 'admin.token'))),
    ...(typeof secretPath === 'string' ? await secretsOfFile(secretPath) : []),
    ...(await secretsOfSettings('coordinator', paths.configPath)),
    ...secretsOfEnvironment(),
  ];
}

async function keysIn(dir: string): Promise<readonly string[]> {
  const names = await readdir(dir).catch(() => []);
  return names.filter((name) => name.endsWith('.key')).map((name) => join(dir, name));
}
