import type { Agent } from '@moult/api';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface ValidateOptions {
  readonly why?: string;
}

export function addAgentsValidate(group: Command, shell: Shell): void {
  const command = group
    .command('validate')
    .description('accept enrolled agents: from now on they get commands')
    .argument('<agent...>', 'names of agents')
    .option('--why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'accept two agents', line: 'moult agents validate web-1 web-2 --why "new rack"' },
  ]).action(
    shell.action<ValidateOptions, [string[]]>(async (run, options, [names]) => {
      const client = await run.connect();
      const agents: Agent[] = [];
      for (const name of names) {
        agents.push(
          await client.validateAgent({
            params: { name },
            body: { why: options.why },
            signal: run.stop,
          }),
        );
      }
      run.output.result({ agents }, () => agents.map((agent) => `${agent.name} is validated`));
      return EXIT.ok;
    }),
  );
}
