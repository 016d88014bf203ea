import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface RemoveOptions {
  readonly why?: string;
}

export function addAgentsRemove(group: Command, shell: Shell): void {
  const command = group
    .command('remove')
    .description(
      'decommission agents: they get nothing any more, and their keys are refused for ever',
    )
    .argument('<agent...>', 'names of agents')
    .option('--why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'a host that was scrapped', line: 'moult agents remove web-7 --why "scrapped"' },
  ]).action(
    shell.action<RemoveOptions, [string[]]>(async (run, { why }, [agents]) => {
      const client = await run.connect();
      const { results } = await client.removeAgents({ body: { agents, why }, signal: run.stop });
      for (const { message } of results) if (message !== null) run.output.notice(message);
      run.output.result({ results }, () =>
        results.flatMap(({ agent, outcome }) =>
          outcome === 'removed'
            ? [`${agent} is removed; the host itself is as it was: end its agent there`]
            : [],
        ),
      );
      return results.some(({ outcome }) => outcome === 'refused') ? EXIT.conflict : EXIT.ok;
    }),
  );
}
