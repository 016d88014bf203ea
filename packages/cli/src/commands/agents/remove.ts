import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { pointingAt, SELECTOR_HELP, targetOf } from '../../targets.ts';
import { requireFinished } from './many.ts';

interface RemoveOptions {
  readonly why?: string;
}

export function addAgentsRemove(group: Command, shell: Shell): void {
  const command = group
    .command('remove')
    .description(
      'decommission agents: they get nothing any more, and their keys are refused for ever',
    )
    .argument('<agent...>', `names of agents, or ${SELECTOR_HELP}`)
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'a host that was scrapped', line: 'moult agents remove web-7 --why "scrapped"' },
  ]).action(
    shell.action<RemoveOptions, [string[]]>(async (run, { why }, [given]) => {
      const target = targetOf(given);
      const client = await run.connect();
      const body = { ...target, why };
      const answer = await pointingAt(run, target, () =>
        client.removeAgents({ body, signal: run.stop }),
      );
      const { results } = answer;
      for (const { message } of results) if (message !== null) run.output.notice(message);
      run.output.result(answer, () =>
        results.flatMap(({ agent, outcome }) =>
          outcome === 'removed'
            ? [`${agent} is removed; the host itself is as it was: end its agent there`]
            : [],
        ),
      );
      await requireFinished(answer);
      return results.some(({ outcome }) => outcome === 'refused') ? EXIT.conflict : EXIT.ok;
    }),
  );
}
