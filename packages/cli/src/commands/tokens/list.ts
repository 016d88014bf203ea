import type { Token } from '@moult/api';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { ABSENT, formatTime } from '../../terminal/format.ts';

export function addTokensList(group: Command, shell: Shell): void {
  const command = group.command('list').description('tokens, newest first, without their secrets');
  withExamples(withOutput(withConnection(command)), [
    { does: 'all tokens', line: 'moult tokens list' },
  ]).action(
    shell.action(async (run) => {
      const client = await run.connect();
      const answer = await client.listTokens({ signal: run.stop });
      const nowMs = run.clock.nowMs();
      run.output.table(
        answer,
        [
          { title: 'TOKEN', cell: (token) => token.id },
          { title: 'FOR', cell: (token) => token.role ?? token.kind },
          { title: 'PRINCIPAL', cell: (token) => token.principal ?? ABSENT },
          { title: 'GROUP', cell: (token) => token.group ?? ABSENT },
          { title: 'VALIDATES', cell: (token) => (token.validates ? 'yes' : 'no') },
          { title: 'USES LEFT', cell: (token) => String(token.usesLeft ?? ABSENT), align: 'right' },
          { title: 'STATE', cell: (token) => stateOf(token, nowMs) },
          { title: 'EXPIRES', cell: (token) => formatTime(token.expiresMs) },
          { title: 'BY', cell: (token) => token.createdBy },
        ],
        answer.tokens,
        'There are no tokens.',
      );
      return EXIT.ok;
    }),
  );
}

function stateOf(token: Token, nowMs: number): string {
  if (token.revokedMs !== null) return 'revoked';
  if (token.expiresMs !== null && token.expiresMs <= nowMs) return 'expired';
  return token.usesLeft === 0 ? 'used up' : 'good';
}
