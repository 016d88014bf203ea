import { CodedError } from '@moult/core/errors';
import type { Rotation } from '@moult/release/root-rotation';
import { Argument, type Command } from 'commander';
import { wholeNumber, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { type RotationFlags, rotate, withRootKeys } from './rotation.ts';

interface RotateOptions extends RotationFlags {
  readonly to?: readonly string[];
  readonly threshold?: number;
}

const KINDS: readonly string[] = ['root', 'release', 'online'];

export function addKeysRotate(group: Command, shell: Shell): void {
  const command = group
    .command('rotate')
    .description(
      'make new keys and the next root, which names them; `moult release publish-root` brings it to the fleet',
    )
    .addArgument(
      new Argument(
        '<what>',
        'online is snapshot and timestamp, the keys of the coordinator',
      ).choices(KINDS),
    );
  withRootKeys(command)
    .option(
      '--to <dir...>',
      'where new root or release keys go, one into each (root: where the root keys are; release: --keys)',
    )
    .option(
      '--threshold <count>',
      'how many of the new keys must sign (as many as now)',
      wholeNumber,
    );
  withExamples(withOutput(command), [
    { does: 'every key beside the others', line: 'moult keys rotate online --keys keys' },
    {
      does: 'with the root key on an offline medium',
      line: 'moult keys rotate release --keys keys --root-keys /media/root',
    },
    {
      does: 'from one root key to two of three, each on a medium of its own',
      line: 'moult keys rotate root --to /media/a /media/b /media/c --threshold 2',
    },
  ]).action(
    shell.action<RotateOptions, [Rotation]>(async (run, options, [rotation]) => {
      if (rotation === 'online' && (options.to ?? options.threshold) !== undefined) {
        throw new CodedError('usage', '--to and --threshold are for root and release keys');
      }
      await rotate(run, { ...options, rotation });
      return EXIT.ok;
    }),
  );
}
