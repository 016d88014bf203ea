/* P11: back to the version before, by the host's owner. */
import type { RolledBack } from '@moult/agent/owner';
import type { Command } from 'commander';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { type AskingOptions, asked, saidBy } from './asking.ts';

interface RollbackOptions extends AskingOptions {
  readonly force?: boolean;
}

export function addAgentRollback(group: Command, shell: Shell): void {
  const command = group
    .command('rollback')
    .description(
      'back to the version that ran before, without the coordinator, for seven days after an upgrade; what is left comes back only if an operator forces it',
    )
    .option('-m, --why <text>', 'for whoever looks after the fleet')
    .option(
      '--force',
      'also later, and though the version before might not serve here; gives up an upgrade that has not switched yet',
    )
    .option('--root <dir>', 'the instance lives under this directory (MOULT_ROOT)');
  withExamples(withOutput(command), [
    { does: 'this host', line: 'moult agent rollback --why "printing is broken since 1.5.0"' },
  ]).action(
    shell.action<RollbackOptions>(async (run, options) => {
      run.output.step('asking whether the version before would serve, and waiting for tasks');
      const ask = { ask: 'rollback', isForced: options.force === true } as const;
      const said = saidBy(run, options);
      const done = (await asked(run, options, { ...ask, ...said })) as RolledBack;
      run.output.result(done, () => linesOf(done));
      return EXIT.ok;
    }),
  );
}

function linesOf({ component, from, to }: RolledBack): readonly string[] {
  return [
    `The ${component} goes back from ${from} to ${to ?? 'the first launcher'}. It serves in a moment: moult agent status`,
    `${from} stays on the disk, and comes back only if an operator forces it.`,
  ];
}
