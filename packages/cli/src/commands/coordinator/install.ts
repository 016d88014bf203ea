import {
  type CoordinatorFacts,
  coordinatorInstallPlan,
  coordinatorInstallRefusal,
  type InstallPlan,
} from '@moult/core/install';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { carryOut } from '../../install/carry-out.ts';
import { findCoordinator } from '../../install/coordinator-facts.ts';
import {
  linesOf,
  type Made,
  type MakeOptions,
  makeCoordinator,
  resultOf,
  withMaking,
} from '../../install/make-coordinator.ts';
import { startLine } from '../../install/start-line.ts';
import { changes, stepsOf, tellPlan } from '../../install/tell.ts';
import type { Shell } from '../../shell.ts';

interface InstallOptions extends MakeOptions {
  readonly root?: string;
  readonly user?: string;
  readonly start: boolean;
  readonly dryRun?: boolean;
}

export function addCoordinatorInstall(group: Command, shell: Shell): void {
  const command = group
    .command('install')
    .description(
      'install the coordinator as a service: user, directories, `coordinator init` if there is none, unit, start; may be repeated, and changes then only what is not so',
    )
    .option('--keys <dir>', 'for a new one: what `moult keys init` made')
    .option('--root <dir>', 'everything lies under this directory (MOULT_ROOT)')
    .option(
      '--user <user>',
      'who it runs as (moult-coordinator, which is made; with --root whoever installs)',
    )
    .option('--no-start', 'write the unit, start nothing')
    .option('--dry-run', 'print what would be done, and change nothing');
  withExamples(withOutput(withMaking(command)), [
    {
      does: 'for hosts of a network, as root',
      line: 'moult coordinator install --keys keys --listen 0.0.0.0:7400 --hostname moult.example.org',
    },
    { does: 'the unit of a newer moult', line: 'moult coordinator install' },
  ]).action(
    shell.action<InstallOptions>(async (run, options) => {
      const root = rootOf(options.root, run.invocation);
      const facts = await findCoordinator({
        root,
        user: options.user ?? null,
        program: run.invocation.program,
      });
      const { keys } = options;
      const wish = { hasKeys: keys !== undefined, isStarted: options.start };
      const refusal = coordinatorInstallRefusal(facts, wish);
      if (refusal !== null) throw refusal;
      const plan = coordinatorInstallPlan(facts, wish);
      if (options.dryRun === true) {
        tellPlan(run.output, plan);
        return EXIT.ok;
      }
      const making: { made: Made | null } = { made: null };
      await carryOut({
        ...{ plan, users: facts.users, output: run.output, signal: run.stop },
        own: {
          initCoordinator: async () => {
            making.made = await makeCoordinator(run, { ...options, root, keys: keys ?? '' });
          },
        },
      });
      const { made } = making;
      const result = { ...(made === null ? {} : resultOf(made)), unit: facts.unit.path };
      run.output.result({ ...result, steps: stepsOf(plan, false) }, () =>
        nextLines({ facts, plan, made, isStarted: options.start }),
      );
      return EXIT.ok;
    }),
  );
}

function nextLines(of: {
  readonly facts: CoordinatorFacts;
  readonly plan: InstallPlan;
  readonly made: Made | null;
  readonly isStarted: boolean;
}): readonly string[] {
  const { facts, made } = of;
  const root = facts.root === null ? '' : ` --root ${facts.root}`;
  const start = startLine({
    ...{ unit: facts.unit, users: facts.users, isStarted: of.isStarted },
    command: `moult coordinator serve${root}`,
  });
  if (made !== null) return linesOf(made, start);
  return [...(changes(of.plan) ? [] : ['All of it is so already: nothing was changed.']), start];
}
