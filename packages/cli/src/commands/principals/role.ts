import { ROLES, type Role } from '@moult/core/permission';
import { Argument, type Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { tokensText } from './tokens-text.ts';

interface RoleOptions {
  readonly why?: string;
}

export function addPrincipalsRole(group: Command, shell: Shell): void {
  const command = group
    .command('role')
    .description('change what a principal may do, with all its tokens, from the next request on')
    .argument('<name>', 'name of the principal')
    .addArgument(new Argument('<role>', 'what it may do').choices(ROLES))
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'no upgrades any more',
      line: 'moult principals role ada operator -m "change of team"',
    },
  ]).action(
    shell.action<RoleOptions, [string, Role]>(async (run, { why }, [name, role]) => {
      const client = await run.connect();
      const body = { role, why };
      const answer = await client.setPrincipalRole({ params: { name }, body, signal: run.stop });
      run.output.result(answer, () => [
        `${answer.name} is ${answer.role}, with ${tokensText(answer.tokens)}`,
      ]);
      return EXIT.ok;
    }),
  );
}
