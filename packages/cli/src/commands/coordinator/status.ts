import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { forwardLines } from './forward-text.ts';
import { maintenanceLines } from './maintenance-text.ts';
import { restoreLines } from './restore-text.ts';

export function addCoordinatorStatus(group: Command, shell: Shell): void {
  const command = group
    .command('status')
    .description(
      'whether it was restored from a backup, which agents are ahead of it, whether it is in maintenance, and whether output is handed on',
    );
  withExamples(withOutput(withConnection(command)), [
    { does: 'before it is adopted', line: 'moult coordinator status' },
  ]).action(
    shell.action(async (run) => {
      const client = await run.connect();
      const status = await client.getCoordinator({ signal: run.stop });
      run.output.result(status, () => [
        ...restoreLines(status),
        ...(status.maintenance === undefined ? [] : maintenanceLines(status.maintenance)),
        ...forwardLines(status),
      ]);
      return EXIT.ok;
    }),
  );
}
