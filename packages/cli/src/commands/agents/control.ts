/* `agents pause|resume|restart|clear`: the same order with four names. */
import type { ControlKind } from '@moult/core/command';
import { type Command, Option } from 'commander';
import { durationMs, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { follow } from '../../follow/follow.ts';
import type { Shell } from '../../shell.ts';
import { pointingAt, SELECTOR_HELP, targetOf } from '../../targets.ts';
import { requireFinished } from './many.ts';

interface ControlOptions {
  readonly wait?: boolean;
  readonly timeout: number;
  readonly why?: string;
  readonly key?: string;
}

const TEXTS: Readonly<Record<ControlKind, string>> = {
  pause: 'let agents take no new work; upgrades wait until they are resumed',
  resume: 'let paused agents work again',
  restart: 'restart the agent process on its host, in the version that it has',
  clear: 'end the state Upgrade Failed: the version that runs takes work again',
};

const TIMEOUT_MS = 300_000;

export function addAgentsControl(group: Command, shell: Shell, action: ControlKind): void {
  const command = group
    .command(action)
    .description(TEXTS[action])
    .argument('<agent...>', `names of agents, or ${SELECTOR_HELP}`)
    .option('--wait', 'until the agents have done it: 0 done, 5 failed, 3 timeout')
    .addOption(
      new Option('--timeout <duration>', 'longest wait')
        .argParser(durationMs)
        .default(TIMEOUT_MS, '5m'),
    )
    .option('-m, --why <text>', 'kept in the history')
    .option('--key <key>', 'the same key orders nothing twice');
  withExamples(withOutput(withConnection(command)), [
    { does: 'two agents', line: `moult agents ${action} web-1 web-2 --why "change 42"` },
  ]).action(
    shell.action<ControlOptions, [string[]]>(async (run, options, [given]) => {
      const target = targetOf(given);
      const client = await run.connect();
      const { why, key } = options;
      const body = { ...target, action, why, key };
      const answer = await pointingAt(run, target, () =>
        client.controlAgents({ body, signal: run.stop }),
      );
      const { results } = answer;
      const commands = results.flatMap((result) => result.command ?? []);
      const isRefused = results.some((result) => result.outcome === 'refused');
      for (const { message } of results) if (message !== null) run.output.notice(message);
      if (options.wait === true && commands.length > 0) {
        const code = await follow(run, { client, commands, timeoutMs: options.timeout });
        await requireFinished(answer);
        return isRefused ? EXIT.conflict : code;
      }
      run.output.result(answer, () =>
        commands.map(({ agent, id, state, holdReason }) => {
          const held = holdReason === null ? '' : `, held by ${holdReason}`;
          return `${agent}: ${action} ${state}${held} (moult commands show ${id})`;
        }),
      );
      await requireFinished(answer);
      return isRefused ? EXIT.conflict : EXIT.ok;
    }),
  );
}
