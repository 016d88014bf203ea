import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface RevokeOptions {
  readonly why?: string;
}

export function addPrincipalsRevoke(group: Command, shell: Shell): void {
  const command = group
    .command('revoke')
    .description('end all access tokens of a principal; what it has ordered stands')
    .argument('<name>', 'name of the principal')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'somebody left', line: 'moult principals revoke ada -m "left the company"' },
  ]).action(
    shell.action<RevokeOptions, [string]>(async (run, { why }, [name]) => {
      const client = await run.connect();
      const request = { params: { name }, body: { why }, signal: run.stop };
      const answer = await client.revokePrincipal(request);
      run.output.result(answer, () => [`${answer.name} is revoked, with all its access tokens`]);
      return EXIT.ok;
    }),
  );
}
