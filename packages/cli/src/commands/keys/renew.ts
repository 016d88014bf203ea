import { Argument, type Command } from 'commander';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { type RotationFlags, rotate, withRootKeys } from './rotation.ts';

export function addKeysRenew(group: Command, shell: Shell): void {
  const command = group
    .command('renew')
    .description('sign the same root again with a new expiry: no key changes')
    .addArgument(new Argument('<what>', 'what expires and has root keys').choices(['root']));
  withExamples(withOutput(withRootKeys(command)), [
    {
      does: 'another five years',
      line: 'moult keys renew root --keys keys --root-keys /media/root',
    },
  ]).action(
    shell.action<RotationFlags>(async (run, options) => {
      await rotate(run, { ...options, rotation: 'renewal' });
      return EXIT.ok;
    }),
  );
}
