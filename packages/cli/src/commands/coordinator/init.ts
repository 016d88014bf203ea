import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import {
  linesOf,
  type MakeOptions,
  makeCoordinator,
  resultOf,
  withMaking,
} from '../../install/make-coordinator.ts';
import type { Shell } from '../../shell.ts';

interface InitOptions extends MakeOptions {
  readonly keys: string;
  readonly root?: string;
}

export function addCoordinatorInit(group: Command, shell: Shell): void {
  const command = group
    .command('init')
    .description(
      'make a coordinator: store, release repository, certificate authority, admin token',
    )
    .requiredOption(
      '--keys <dir>',
      'what `moult keys init` made; root and release keys are not taken',
    )
    .option('--root <dir>', 'everything lies under this directory (MOULT_ROOT)')
    .option('--config <file>', 'its configuration (/etc/moult/coordinator.yaml)')
    .option('--state <dir>', 'its state (/var/lib/moult-coordinator)');
  withExamples(withOutput(withMaking(command)), [
    {
      does: 'on this machine',
      line: 'moult coordinator init --keys keys',
    },
    {
      does: 'for hosts of a network',
      line: 'moult coordinator init --keys keys --listen 0.0.0.0:7400 --hostname moult.example.org',
    },
    {
      does: 'under a directory, for trying out',
      line: 'moult coordinator init --root coordinator --keys keys',
    },
  ]).action(
    shell.action<InitOptions>(async (run, options) => {
      const root = rootOf(options.root, run.invocation);
      const made = await makeCoordinator(run, { ...options, root });
      const start = 'Start it: moult coordinator serve, with the same --root or --config';
      run.output.result(resultOf(made), () => linesOf(made, start));
      return EXIT.ok;
    }),
  );
}
