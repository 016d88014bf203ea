import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { pointingAt, SELECTOR_HELP, targetOf } from '../../targets.ts';
import { isLoneRefusal, type Many, manyLines, requireAllDone } from './many.ts';

interface MoveOptions {
  readonly group: string;
  readonly new?: boolean;
  readonly why?: string;
}

export function addAgentsMove(group: Command, shell: Shell): void {
  const command = group
    .command('move')
    .description(
      'put agents into another group: its settings, its choice and its turns are theirs from then on',
    )
    .argument('<agent...>', `names of agents, or ${SELECTOR_HELP}`)
    .requiredOption('--group <group>', 'the group')
    .option('--new', 'make the group where there is none of that name')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'two agents', line: 'moult agents move web-1 web-2 --group eu' },
    { does: 'a group of their own', line: 'moult agents move "agent=db-*" --group db --new' },
  ]).action(
    shell.action<MoveOptions, [string[]]>(async (run, options, [given]) => {
      const target = targetOf(given);
      const { group: to, new: mayMake = false, why } = options;
      const client = await run.connect();
      const answer = await pointingAt(run, target, () =>
        client.moveAgents({ body: { ...target, group: to, mayMake, why }, signal: run.stop }),
      );
      const done = answer.moved.map(({ agent, from }) =>
        from === to ? `${agent} is in ${to} already` : `${agent} is in ${to}, and was in ${from}`,
      );
      const many: Many = { ends: answer, done, verb: 'moved' };
      if (!isLoneRefusal(many)) run.output.result(answer, () => manyLines(many));
      await requireAllDone(many, 'Run the same command again: it harms nobody.');
      return EXIT.ok;
    }),
  );
}
