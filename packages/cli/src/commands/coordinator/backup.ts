import { resolve } from 'node:path';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { formatBytes } from '../../terminal/format.ts';
import { MOULT_VERSION } from '../../version.ts';

interface BackupOptions {
  readonly to: string;
  readonly withBlobs?: boolean;
  readonly root?: string;
  readonly config?: string;
}

export function addCoordinatorBackup(group: Command, shell: Shell): void {
  const command = group
    .command('backup')
    .description(
      'put store, keys, certificates, configuration and release metadata into one file, also while it serves',
    )
    .requiredOption('--to <path>', 'a file, or a directory in which it is named by its time')
    .option('--with-blobs', 'the content of releases too: gigabytes, that packs can give again')
    .option('--root <dir>', 'everything lies under this directory (MOULT_ROOT)')
    .option('--config <file>', 'its configuration (/etc/moult/coordinator.yaml)');
  withExamples(withOutput(command), [
    { does: 'every night', line: 'moult coordinator backup --to /var/backups/moult' },
    { does: 'with releases', line: 'moult coordinator backup --to moult.tar.gz --with-blobs' },
  ]).action(
    shell.action<BackupOptions>(async (run, options) => {
      const { makeBackup, readCoordinatorConfig } = await import('@moult/coordinator');
      const { paths } = await readCoordinatorConfig({
        root: rootOf(options.root, run.invocation),
        config: options.config === undefined ? null : resolve(options.config),
      });
      const made = await makeBackup({
        paths,
        to: resolve(options.to),
        withBlobs: options.withBlobs === true,
        version: MOULT_VERSION,
        clock: run.clock,
        signal: run.stop,
      });
      run.output.result(made, () => [
        `${made.path}: ${formatBytes(made.bytes)}, ${made.files} files, as of position ${made.position}.`,
        'It holds secrets: keep it like the keys of the coordinator.',
        ...made.notInIt.map((what) => `Not in it: ${what}.`),
      ]);
      return EXIT.ok;
    }),
  );
}
