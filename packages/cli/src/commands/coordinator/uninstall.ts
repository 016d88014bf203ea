import { coordinatorUninstallPlan, coordinatorUninstallRefusal } from '@moult/core/install';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { carryOut } from '../../install/carry-out.ts';
import { coordinatorConfigFiles, findCoordinator } from '../../install/coordinator-facts.ts';
import { requireYes } from '../../install/purge.ts';
import { changes, stepsOf, tellPlan } from '../../install/tell.ts';
import type { Shell } from '../../shell.ts';

interface UninstallOptions {
  readonly root?: string;
  readonly purge?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export function addCoordinatorUninstall(group: Command, shell: Shell): void {
  const command = group
    .command('uninstall')
    .description(
      'stop the coordinator and remove its unit; configuration, store and keys stay unless purged; may be repeated',
    )
    .option('--root <dir>', 'it lies under this directory (MOULT_ROOT)')
    .option('--purge', 'configuration, store, keys and releases too: its agents are orphans then')
    .option('--yes', 'with --purge: it is meant')
    .option('--dry-run', 'print what would be done, and change nothing');
  withExamples(withOutput(command), [
    { does: 'to go on elsewhere from a backup', line: 'moult coordinator uninstall' },
    { does: 'for good', line: 'moult coordinator uninstall --purge --yes' },
  ]).action(
    shell.action<UninstallOptions>(async (run, options) => {
      const { program } = run.invocation;
      const root = rootOf(options.root, run.invocation);
      const facts = await findCoordinator({ root, user: null, program });
      const refusal = coordinatorUninstallRefusal(facts);
      if (refusal !== null) throw refusal;
      const { places, users } = facts;
      const plan = coordinatorUninstallPlan(facts, {
        isPurge: options.purge === true,
        configFiles: coordinatorConfigFiles(places.configPath),
      });
      if (options.dryRun === true) {
        tellPlan(run.output, plan);
        return EXIT.ok;
      }
      requireYes(options, 'the store, the online keys, the releases and the configuration');
      await carryOut({ plan, users, own: {}, output: run.output, signal: run.stop });
      run.output.result({ steps: stepsOf(plan, false) }, () => [
        ...(changes(plan) ? [] : ['All of it is gone already: nothing was changed.']),
        ...(options.purge === true
          ? []
          : [
              `Kept: ${places.configDir} and ${places.stateDir}. Back again: moult coordinator install`,
            ]),
      ]);
      return EXIT.ok;
    }),
  );
}
