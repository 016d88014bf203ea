import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface RenameOptions {
  readonly why?: string;
}

export function addAgentsRename(group: Command, shell: Shell): void {
  const command = group
    .command('rename')
    .description('give an agent another name: its orders, choices and history go along')
    .argument('<agent>', 'its name until now')
    .argument('<name>', 'its new name')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'after a move', line: 'moult agents rename web-1 web-berlin-1' },
  ]).action(
    shell.action<RenameOptions, [string, string]>(async (run, options, [name, newName]) => {
      const client = await run.connect();
      const agent = await client.renameAgent({
        params: { name },
        body: { newName, why: options.why },
        signal: run.stop,
      });
      run.output.result(agent, () => [`${name} is ${agent.name} from now on`]);
      return EXIT.ok;
    }),
  );
}
