import { resolve } from 'node:path';
import type { Command } from 'commander';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface InitOptions {
  readonly dir: string;
}

export function addKeysInit(group: Command, shell: Shell): void {
  const command = group
    .command('init')
    .description('make root, release, snapshot and timestamp keys with the first signed metadata')
    .option('--dir <dir>', 'where; existing keys are never overwritten', 'keys');
  withExamples(withOutput(command), [
    { does: 'a working set for a small team', line: 'moult keys init --dir keys' },
  ]).action(
    shell.action<InitOptions>(async (run, options) => {
      const { initKeys } = await import('@moult/release/keys');
      const dir = resolve(options.dir);
      const made = await initKeys({ dir, clock: run.clock });
      run.output.result(made, () => [
        `Keys and first metadata are in ${dir}.`,
        `root.key and release.key belong offline: whoever has release.key says what may run.`,
        `snapshot.key, timestamp.key, root.json and targets.json go to the coordinator: moult coordinator init --keys ${options.dir}`,
        `root metadata sha256: ${made.rootSha256}`,
      ]);
      return EXIT.ok;
    }),
  );
}
