import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { pointingAt, SELECTOR_HELP, targetOf } from '../../targets.ts';
import { isLoneRefusal, type Many, manyLines, requireAllDone } from './many.ts';

interface ValidateOptions {
  readonly why?: string;
}

export function addAgentsValidate(group: Command, shell: Shell): void {
  const command = group
    .command('validate')
    .description('accept enrolled agents: from now on they get commands')
    .argument('<agent...>', `names of agents, or ${SELECTOR_HELP}`)
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'accept two agents', line: 'moult agents validate web-1 web-2 --why "new rack"' },
    { does: 'accept a whole group', line: 'moult agents validate "group=eu and validated=no"' },
  ]).action(
    shell.action<ValidateOptions, [string[]]>(async (run, options, [given]) => {
      const target = targetOf(given);
      const client = await run.connect();
      const answer = await pointingAt(run, target, () =>
        client.validateAgents({ body: { ...target, why: options.why }, signal: run.stop }),
      );
      const done = answer.validated.map((name) => `${name} is validated`);
      const many: Many = { ends: answer, done, verb: 'validated' };
      if (!isLoneRefusal(many)) run.output.result(answer, () => manyLines(many));
      await requireAllDone(many, 'Run the same command again: it harms nobody.');
      return EXIT.ok;
    }),
  );
}
