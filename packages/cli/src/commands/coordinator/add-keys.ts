import { resolve } from 'node:path';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface AddKeysOptions {
  readonly keys: string;
  readonly root?: string;
  readonly config?: string;
  readonly state?: string;
}

export function addCoordinatorAddKeys(group: Command, shell: Shell): void {
  const command = group
    .command('add-keys')
    .description(
      'lay new online keys beside the old ones, on the machine of the coordinator; they count once a root that names them is published',
    )
    .requiredOption(
      '--keys <dir>',
      'root.json, snapshot and timestamp keys of `moult keys rotate`; others are not taken',
    )
    .option('--root <dir>', 'everything lies under this directory (MOULT_ROOT)')
    .option('--config <file>', 'its configuration (/etc/moult/coordinator.yaml)')
    .option('--state <dir>', 'its state (MOULT_STATE)');
  withExamples(withOutput(command), [
    { does: 'as installed', line: 'moult coordinator add-keys --keys keys' },
    {
      does: 'under a directory',
      line: 'moult coordinator add-keys --root coordinator --keys keys',
    },
  ]).action(
    shell.action<AddKeysOptions>(async (run, options) => {
      const { addOnlineKeys, readCoordinatorConfig } = await import('@moult/coordinator');
      const { paths } = await readCoordinatorConfig({
        root: rootOf(options.root, run.invocation),
        config: options.config === undefined ? null : resolve(options.config),
        flags: options.state === undefined ? {} : { state: resolve(options.state) },
        environment: run.invocation.variable,
      });
      const made = await addOnlineKeys({
        trustDir: resolve(options.keys),
        keysDir: paths.keysDir,
      });
      run.output.result(made, () => [
        ...(made.added.length === 0
          ? [`The coordinator has the online keys of root version ${made.rootVersion} already.`]
          : made.added.map((path) => `added: ${path}`)),
        `They count once root version ${made.rootVersion} is live: moult release publish-root --keys ${options.keys}`,
      ]);
      return EXIT.ok;
    }),
  );
}
