import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface RevokeOptions {
  readonly why?: string;
}

export function addTokensRevoke(group: Command, shell: Shell): void {
  const command = group
    .command('revoke')
    .description('revoke a token; what was enrolled with it stays')
    .argument('<token>', 'id of the token, as `moult tokens list` shows it')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'no more agents with this one', line: 'moult tokens revoke 01kq3v8m6t5n9y2x' },
  ]).action(
    shell.action<RevokeOptions, [string]>(async (run, { why }, [id]) => {
      const client = await run.connect();
      const answer = await client.revokeToken({ params: { id }, query: { why }, signal: run.stop });
      run.output.result(answer, () => [`${answer.token.id} is revoked`]);
      return EXIT.ok;
    }),
  );
}
