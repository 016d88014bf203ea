import type { Client, ResponseOf } from '@moult/api/client';
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { type Command, Option } from 'commander';
import {
  choice,
  durationMs,
  type PaceOptions,
  paceOf,
  versionOf,
  withConnection,
  withExamples,
  withOutput,
  withPace,
} from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { follow } from '../../follow/follow.ts';
import { againText, newKey, ordering } from '../../ordering.ts';
import type { Run, Shell } from '../../shell.ts';
import { pointingAt, SELECTOR_HELP, targetOf } from '../../targets.ts';
import { isLoneRefusal, type Many, manyLines, requireAllDone } from './many.ts';

interface UpgradeOptions extends PaceOptions {
  readonly to?: string;
  readonly component: Component;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly onlyWithLauncher?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly why?: string;
  readonly key?: string;
}

const TIMEOUT_MS = 1_800_000;
const BY_HAND = 'manual-upgrade-required';

export function addAgentsUpgrade(group: Command, shell: Shell): void {
  const command = group
    .command('upgrade')
    .description('order an upgrade now')
    .argument('<agent...>', `names of agents, or ${SELECTOR_HELP}`)
    .option('--to <version>', 'the version; without it, the desired one', versionOf)
    .addOption(choice('--component <component>', 'what to upgrade', COMPONENTS).default('agent'))
    .option(
      '--force',
      'also a version that the host has refused; never past trust, platform or disk',
    )
    .option('--dry-run', 'say what would be ordered, and order nothing')
    .option('--only-with-launcher', 'leave out agents that nobody starts again after the switch')
    .option(
      '--wait',
      'follow all of it to its end: 0 succeeded, 5 failed or rolled back, 3 timeout',
    )
    .addOption(
      new Option('--timeout <duration>', 'longest wait')
        .argParser(durationMs)
        .default(TIMEOUT_MS, '30m'),
    )
    .option('-m, --why <text>', 'kept in the history')
    .option('--key <key>', 'the same key orders nothing twice');
  withExamples(withOutput(withConnection(withPace(command))), [
    { does: 'to the desired version', line: 'moult agents upgrade web-1' },
    {
      does: 'to one version, and see it through',
      line: 'moult agents upgrade web-1 --to 1.4.0 --wait',
    },
    {
      does: 'many, also where the host has refused it; first only asked',
      line: 'moult agents upgrade "group=eu and version<1.4" --to 1.4.0 --force --dry-run',
    },
    {
      does: 'the launcher',
      line: 'moult agents upgrade web-1 --component launcher --to 1.1.0 --wait',
    },
  ]).action(
    shell.action<UpgradeOptions, [string[]]>(async (run, options, [given]) => {
      const target = targetOf(given);
      const isDryRun = options.dryRun === true;
      if (isDryRun && options.wait === true)
        throw new CodedError('usage', 'a dry run orders nothing that --wait could follow');
      const client = await run.connect();
      const key = options.key ?? newKey(run);
      const answer = await ordering(run, key, () =>
        pointingAt(run, target, () =>
          client.upgradeAgents({
            body: {
              ...target,
              component: options.component,
              version: options.to,
              isForced: options.force === true,
              pace: paceOf(options),
              why: options.why,
              key,
              isDryRun,
              onlyWithLauncher: options.onlyWithLauncher === true,
            },
            signal: run.stop,
          }),
        ),
      );
      const done = answer.ordered.map((order) => orderText(order, options.component));
      const { leftOut, warnings } = answer;
      const verb = isDryRun ? 'would be ordered' : 'ordered';
      const many: Many = { ends: answer, done, verb, leftOut, warnings };
      if (options.wait === true) await followAll(run, client, { many, answer, options });
      else if (!isLoneRefusal(many)) run.output.result(answer, () => manyLines(many));
      await requireAllDone(many, againText(key));
      return EXIT.ok;
    }),
  );
}

type Answer = ResponseOf<'upgradeAgents'>;

async function followAll(
  run: Run,
  client: Client,
  of: { readonly many: Many; readonly answer: Answer; readonly options: UpgradeOptions },
): Promise<void> {
  if (!isLoneRefusal(of.many)) for (const line of manyLines(of.many)) run.output.notice(line);
  const { ordered, warnings } = of.answer;
  // Nothing is sent to them: whoever waited for one would wait for a person.
  const byHand = new Set(
    warnings.filter(({ code }) => code === BY_HAND).map((warning) => warning.agent),
  );
  const commands = ordered.flatMap(({ agent, commandId }) =>
    commandId === null || byHand.has(agent) ? [] : [{ agent, id: commandId }],
  );
  if (commands.length > 0) {
    await follow(run, { client, commands, timeoutMs: of.options.timeout });
  }
  if (byHand.size === 0) return;
  const [first = ''] = byHand;
  const others = byHand.size > 1 ? ` and ${byHand.size - 1} more` : '';
  throw new CodedError(BY_HAND, `${first}${others}: not upgraded, too old to do it themselves`);
}

function orderText(order: Answer['ordered'][number], component: Component): string {
  const { agent, version, commandId, isNew } = order;
  const command = commandId === null ? '' : `, command ${commandId}`;
  return `${agent}: ${component} to ${version}${command}${isNew ? '' : ' (ordered before)'}`;
}
