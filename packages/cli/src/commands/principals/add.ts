import { ROLES, type Role } from '@moult/core/permission';
import type { Command } from 'commander';
import { choice, durationMs, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { formatTime } from '../../terminal/format.ts';

interface AddOptions {
  readonly role: Role;
  readonly ttl?: number;
  readonly why?: string;
}

export function addPrincipalsAdd(group: Command, shell: Shell): void {
  const command = group
    .command('add')
    .description(
      'make a principal and print its access token, this once; or bring back a revoked one',
    )
    .argument('<name>', 'one name for one person or script: history and approvals go by it')
    .addOption(choice('--role <role>', 'what it may do', ROLES).makeOptionMandatory())
    .option('--ttl <duration>', 'how long its token is good (for ever)', durationMs)
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'somebody who upgrades',
      line: 'moult principals add ada --role upgrader -m "on call"',
    },
    {
      does: 'a dashboard that only looks, its token into a file',
      line: 'moult principals add wall --role viewer -q > wall.token',
    },
  ]).action(
    shell.action<AddOptions, [string]>(async (run, { role, ttl, why }, [name]) => {
      const client = await run.connect();
      const body = { name, role, ttlMs: ttl ?? null, why };
      const answer = await client.addPrincipal({ body, signal: run.stop });
      const { expiresMs } = answer.token;
      const until = expiresMs === null ? '' : `, good until ${formatTime(expiresMs)}`;
      run.output.notice(`${name} is ${role}. Its access token${until}; it is shown this once.`);
      run.output.result(answer, () => [answer.text]);
      return EXIT.ok;
    }),
  );
}
