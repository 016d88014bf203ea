import {
  type AgentUninstallFacts,
  agentUninstallPlan,
  agentUninstallRefusal,
} from '@moult/core/install';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { findAgent } from '../../install/agent-facts.ts';
import { carryOut } from '../../install/carry-out.ts';
import { requireYes } from '../../install/purge.ts';
import { changes, stepsOf, tellPlan } from '../../install/tell.ts';
import type { Shell } from '../../shell.ts';

interface UninstallOptions {
  readonly root?: string;
  readonly purge?: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

export function addAgentUninstall(group: Command, shell: Shell): void {
  const command = group
    .command('uninstall')
    .description(
      'stop the agent and remove its unit and programs; configuration, identity and state stay unless purged; may be repeated',
    )
    .option('--root <dir>', 'the instance lies under this directory (MOULT_ROOT)')
    .option('--purge', 'configuration, identity and state too: the host has to be enrolled anew')
    .option('--yes', 'with --purge: it is meant')
    .option('--force', 'also in the middle of an upgrade, whose end nobody will report then')
    .option('--dry-run', 'print what would be done, and change nothing');
  withExamples(withOutput(command), [
    { does: 'this host, to be installed again one day', line: 'moult agent uninstall' },
    { does: 'for good', line: 'moult agent uninstall --purge --yes' },
  ]).action(
    shell.action<UninstallOptions>(async (run, options) => {
      const root = rootOf(options.root, run.invocation);
      const { program } = run.invocation;
      const found = await findAgent({ root, user: null, coordinator: null, program });
      const facts: AgentUninstallFacts = { ...found.facts, enrollUnit: found.enrollUnit };
      const wish = { isPurge: options.purge === true, isForced: options.force === true };
      const refusal = agentUninstallRefusal(facts, wish);
      if (refusal !== null) throw refusal;
      const plan = agentUninstallPlan(facts, wish);
      if (options.dryRun === true) {
        tellPlan(run.output, plan);
        return EXIT.ok;
      }
      requireYes(options, 'the key of this host, its configuration and undelivered output');
      const { users } = facts;
      await carryOut({ plan, users, own: {}, output: run.output, signal: run.stop });
      run.output.result({ steps: stepsOf(plan, false) }, () => [
        ...(changes(plan) ? [] : ['All of it is gone already: nothing was changed.']),
        ...(wish.isPurge ? stillKnown(found.installed.identity.name) : keptLines(facts)),
        ...(users.service.name === users.admin.name || users.service.ids === null
          ? []
          : [`The user ${users.service.name} stays: files of others may be its own.`]),
      ]);
      return EXIT.ok;
    }),
  );
}

function stillKnown(name: string | null): readonly string[] {
  if (name === null) return [];
  return [`Its coordinator still knows it: moult agents remove ${name}, as an operator.`];
}

function keptLines({ layout }: AgentUninstallFacts): readonly string[] {
  return [
    `Kept: ${layout.configDir} and ${layout.stateDir}. Install it again, as the same agent: moult agent install`,
  ];
}
