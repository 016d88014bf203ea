import type { Command as OrderedCommand } from '@moult/api';
import { COMPONENTS, type Component } from '@moult/core/component';
import { type Command, Option } from 'commander';
import { choice, durationMs, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { follow } from '../../follow/follow.ts';
import type { Run, Shell } from '../../shell.ts';

interface UpgradeOptions {
  readonly to?: string;
  readonly component: Component;
  readonly force?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly why?: string;
  readonly key?: string;
}

const TIMEOUT_MS = 1_800_000;

export function addAgentsUpgrade(group: Command, shell: Shell): void {
  const command = group
    .command('upgrade')
    .description('order an upgrade now')
    .argument('<agent...>', 'names of agents')
    .option('--to <version>', 'the version; without it, the desired one')
    .addOption(choice('--component <component>', 'what to upgrade', COMPONENTS).default('agent'))
    .option(
      '--force',
      'also a version that the host has refused; never past trust, platform or disk',
    )
    .option('--wait', 'follow it to its end: 0 succeeded, 5 failed or rolled back, 3 timeout')
    .addOption(
      new Option('--timeout <duration>', 'longest wait')
        .argParser(durationMs)
        .default(TIMEOUT_MS, '30m'),
    )
    .option('--why <text>', 'kept in the history')
    .option('--key <key>', 'the same key orders nothing twice');
  withExamples(withOutput(withConnection(command)), [
    { does: 'to the desired version', line: 'moult agents upgrade web-1' },
    {
      does: 'to one version, and see it through',
      line: 'moult agents upgrade web-1 --to 1.4.0 --wait',
    },
    {
      does: 'the launcher',
      line: 'moult agents upgrade web-1 --component launcher --to 1.1.0 --wait',
    },
  ]).action(
    shell.action<UpgradeOptions, [string[]]>(async (run, options, [names]) => {
      const client = await run.connect();
      const ordered: OrderedCommand[] = [];
      for (const name of names) {
        const { to, component, why, key, force } = options;
        const answer = await client.upgradeAgent({
          params: { name },
          body: { component, version: to, isForced: force === true, why, key },
          signal: run.stop,
        });
        ordered.push(answer.command);
        run.output.notice(orderText(answer));
      }
      if (options.wait === true) {
        return await follow(run, { client, commands: ordered, timeoutMs: options.timeout });
      }
      tell(run, ordered);
      return EXIT.ok;
    }),
  );
}

function tell(run: Run, commands: readonly OrderedCommand[]): void {
  run.output.result({ commands }, () =>
    commands.map(({ id, agent }) => `follow ${agent}: moult commands show ${id}`),
  );
}

function orderText(answer: { readonly command: OrderedCommand; readonly isNew: boolean }): string {
  const { agent, component, version, id } = answer.command;
  return `${agent}: ${component} to ${version}, command ${id}${answer.isNew ? '' : ' (ordered before)'}`;
}
