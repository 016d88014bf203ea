import { resolve } from 'node:path';
import { systemRandom } from '@moult/runtime/random';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { formatTime } from '../../terminal/format.ts';

interface RestoreOptions {
  readonly force?: boolean;
  readonly root?: string;
  readonly config?: string;
  readonly state?: string;
}

export function addCoordinatorRestore(group: Command, shell: Shell): void {
  const command = group
    .command('restore')
    .description(
      'make a coordinator from a backup; until it is adopted it holds everything and changes no host',
    )
    .argument('<file>', 'what `moult coordinator backup` made')
    .option('--force', 'also over a coordinator that is there; its state is kept aside')
    .option('--root <dir>', 'everything lies under this directory (MOULT_ROOT)')
    .option('--config <file>', 'its configuration (/etc/moult/coordinator.yaml)')
    .option('--state <dir>', 'its state (/var/lib/moult-coordinator)');
  withExamples(withOutput(command), [
    { does: 'on a new machine', line: 'moult coordinator restore moult.tar.gz' },
    { does: 'over what is broken', line: 'moult coordinator restore moult.tar.gz --force' },
  ]).action(
    shell.action<RestoreOptions, [string]>(async (run, options, [file]) => {
      const { readCoordinatorConfig, restoreBackup } = await import('@moult/coordinator');
      const { paths } = await readCoordinatorConfig({
        root: rootOf(options.root, run.invocation),
        config: options.config === undefined ? null : resolve(options.config),
        flags: options.state === undefined ? {} : { state: resolve(options.state) },
      });
      const restored = await restoreBackup({
        path: resolve(file),
        paths,
        isForced: options.force === true,
        principal: 'restore',
        clock: run.clock,
        random: systemRandom,
        signal: run.stop,
      });
      const { list, aside } = restored;
      const result = { state: paths.stateDir, config: paths.configPath, ...restored };
      run.output.result({ ...result, list: { ...list, files: list.files.length } }, () => [
        `Restored from the backup of ${formatTime(list.madeMs)} into ${paths.stateDir}.`,
        ...(aside === null ? [] : [`The state before is kept in ${aside}.`]),
        ...(restored.hasTakenConfig ? [] : [`${paths.configPath} was left as it is.`]),
        'Releases that were published after it must be published again.',
        'Start it: moult coordinator serve. It holds everything until you have looked (moult coordinator status) and adopt it (moult coordinator adopt).',
      ]);
      return EXIT.ok;
    }),
  );
}
