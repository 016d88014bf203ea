import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { restoreLines } from './restore-text.ts';

interface AdoptOptions {
  readonly why?: string;
}

export function addCoordinatorAdopt(group: Command, shell: Shell): void {
  const command = group
    .command('adopt')
    .description('lift the hold of a restored coordinator: from now on it orders and permits again')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'see first what it means', line: 'moult coordinator status' },
    { does: 'go on', line: 'moult coordinator adopt --why "restored after the disk failed"' },
  ]).action(
    shell.action<AdoptOptions>(async (run, options) => {
      const client = await run.connect();
      const status = await client.adoptCoordinator({
        body: { why: options.why },
        signal: run.stop,
      });
      run.output.result(status, () => restoreLines(status));
      return EXIT.ok;
    }),
  );
}
