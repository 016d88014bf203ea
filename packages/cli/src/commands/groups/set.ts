import { type Command, Option } from 'commander';
import { countOf, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { agentsText } from '../../terminal/names.ts';

interface SetOptions {
  readonly maxUnavailable: number;
  readonly why?: string;
}

export function addGroupsSet(group: Command, shell: Shell): void {
  const command = group
    .command('set')
    .description('say how many agents of a group may be upgrading at once')
    .argument('<group>', 'name of the group')
    .addOption(
      new Option('--max-unavailable <count>', 'how many, 1 or more')
        .argParser(countOf)
        .makeOptionMandatory(),
    )
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'three at a time',
      line: 'moult groups set eu --max-unavailable 3 --why "it has 30 now"',
    },
  ]).action(
    shell.action<SetOptions, [string]>(async (run, { maxUnavailable, why }, [name]) => {
      const client = await run.connect();
      const body = { unavailableMax: maxUnavailable, why };
      const answer = await client.setGroup({ params: { group: name }, body, signal: run.stop });
      run.output.result(answer, () => [
        `${answer.name}: ${answer.unavailableMax} of ${agentsText(answer.agents)} may be upgrading at once`,
      ]);
      return EXIT.ok;
    }),
  );
}
