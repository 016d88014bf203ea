import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface RemoveOptions {
  readonly why?: string;
}

export function addGroupsRemove(group: Command, shell: Shell): void {
  const command = group
    .command('remove')
    .description('remove a group that has no agents any more, with what was set for it')
    .argument('<group>', 'name of the group')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'nobody serves there any more', line: 'moult groups remove eu' },
  ]).action(
    shell.action<RemoveOptions, [string]>(async (run, { why }, [name]) => {
      const client = await run.connect();
      const params = { group: name };
      const answer = await client.removeGroup({ params, query: { why }, signal: run.stop });
      run.output.result(answer, () => [`group ${answer.name} is removed`]);
      return EXIT.ok;
    }),
  );
}
