/* What `keys rotate` and `keys renew` share: where keys lie, and what is left to do. */
import { resolve } from 'node:path';
import type { Rotated, Rotation } from '@moult/release/root-rotation';
import type { Command } from 'commander';
import type { Run } from '../../shell.ts';
import { formatTime } from '../../terminal/format.ts';

export interface RotationFlags {
  readonly keys: string;
  readonly rootKeys?: readonly string[];
}

export function withRootKeys(command: Command): Command {
  return command
    .option('--keys <dir>', 'holds root.json, and the keys that are not elsewhere', 'keys')
    .option(
      '--root-keys <dir...>',
      'where the root keys are, one or several offline media (the directory of --keys)',
    );
}

export async function rotate(
  run: Run,
  options: RotationFlags & {
    readonly rotation: Rotation;
    readonly to?: readonly string[];
    readonly threshold?: number;
  },
): Promise<void> {
  const { rotateKeys } = await import('@moult/release/root-rotation');
  const { rotation } = options;
  const keysDir = resolve(options.keys);
  const rootKeyDirs = (options.rootKeys ?? [options.keys]).map((dir) => resolve(dir));
  const newKeyDirs =
    options.to?.map((dir) => resolve(dir)) ?? (rotation === 'root' ? rootKeyDirs : [keysDir]);
  const made = await rotateKeys({
    rotation,
    keysDir,
    rootKeyDirs,
    newKeyDirs,
    threshold: options.threshold ?? null,
    clock: run.clock,
  });
  run.output.result(made, () => linesOf(made, options.keys));
}

function linesOf(made: Rotated, keys: string): readonly string[] {
  return [
    made.isResumed
      ? `An interrupted run had made root version ${made.version}; it is finished now, and no other one was made.`
      : `Root version ${made.version} is in ${made.rootPath}, good until ${formatTime(made.expiresMs)}.`,
    ...made.newKeyPaths.map((path) => `new key: ${path}`),
    ...made.retiredKeyPaths.map((path) => `kept aside, counts no more: ${path}`),
    `root metadata sha256: ${made.rootSha256}`,
    'Agents and coordinator know nothing of it yet.',
    ...(made.rotation === 'online'
      ? [`On the coordinator’s machine: moult coordinator add-keys --keys ${keys}`]
      : []),
    `Then, with root.json, roots/ and the release keys at hand: moult release publish-root --keys ${keys}`,
  ];
}
