import type { ResponseOf } from '@moult/api/client';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { uploadPack } from './pack-upload.ts';

export function addReleaseImport(group: Command, shell: Shell): void {
  const command = group
    .command('import')
    .description(
      'give packs to the coordinator; nothing can be installed from them until they are published',
    )
    .argument('<pack...>', 'packs made by `moult release build`');
  withExamples(withOutput(withConnection(command)), [
    { does: 'one pack', line: 'moult release import dist/releases/agent-1.4.0-linux-x64.tar.gz' },
  ]).action(
    shell.action<object, [string[]]>(async (run, _options, [packPaths]) => {
      const client = await run.connect();
      const imported: ResponseOf<'importPack'>[] = [];
      for (const packPath of packPaths) imported.push(await uploadPack(run, client, packPath));
      run.output.result({ imported }, () =>
        imported.map(
          ({ component, version, platform, digest, isNew }) =>
            `${component} ${version} for ${platform}: ${isNew ? 'imported' : 'was there already'}, digest ${digest}`,
        ),
      );
      return EXIT.ok;
    }),
  );
}
