import type { Principal } from '@moult/api';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { formatTime } from '../../terminal/format.ts';

export function addPrincipalsList(group: Command, shell: Shell): void {
  const command = group.command('list').description('who has, or had, access, with which role');
  withExamples(withOutput(withConnection(command)), [
    { does: 'all of them', line: 'moult principals list' },
  ]).action(
    shell.action(async (run) => {
      const client = await run.connect();
      const answer = await client.listPrincipals({ signal: run.stop });
      run.output.table(
        answer,
        [
          { title: 'PRINCIPAL', cell: ({ name }) => name },
          { title: 'ROLE', cell: ({ role }) => role },
          { title: 'STATE', cell: stateOf },
          { title: 'TOKENS', cell: ({ tokens }) => String(tokens), align: 'right' },
          { title: 'SINCE', cell: ({ createdMs }) => formatTime(createdMs) },
          { title: 'BY', cell: ({ createdBy }) => createdBy },
          { title: 'WHY', cell: ({ why }) => why },
        ],
        answer.principals,
        'There are no principals.',
      );
      return EXIT.ok;
    }),
  );
}

function stateOf({ revokedMs, revokedBy }: Principal): string {
  return revokedMs === null ? 'good' : `revoked by ${revokedBy ?? '?'}`;
}
