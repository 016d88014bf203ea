import type { Command as OrderedCommand } from '@moult/api';
import type { Client } from '@moult/api/client';
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { Command } from 'commander';
import { choice, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Run, Shell } from '../../shell.ts';
import { formatTime } from '../../terminal/format.ts';

interface DesiredOptions {
  readonly component: Component;
  readonly fleet?: boolean;
  readonly to?: string;
  readonly unset?: boolean;
  readonly why?: string;
}

export function addAgentsDesired(group: Command, shell: Shell): void {
  const command = group
    .command('desired')
    .description(
      'show or choose the desired version of the fleet or of one agent; a choice orders the upgrades',
    )
    .argument('[agent]', 'the agent; without one, the fleet')
    .option('--to <version>', 'choose this version')
    .option('--unset', 'take the choice back')
    .option('--fleet', 'choose for the fleet')
    .addOption(choice('--component <component>', 'the component', COMPONENTS).default('agent'))
    .option('--why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'what is wanted now', line: 'moult agents desired' },
    { does: 'the whole fleet', line: 'moult agents desired --fleet --to 1.4.0 --why "quarterly"' },
    { does: 'one agent', line: 'moult agents desired web-1 --to 1.4.1' },
    { does: 'follow the fleet again', line: 'moult agents desired web-1 --unset' },
  ]).action(
    shell.action<DesiredOptions, [string | undefined]>(async (run, options, [agent]) => {
      const client = await run.connect();
      if (options.to === undefined && options.unset !== true) await show(run, client, agent);
      else await choose(run, client, { ...options, agent });
      return EXIT.ok;
    }),
  );
}

async function show(run: Run, client: Client, name: string | undefined): Promise<void> {
  if (name !== undefined) {
    const agent = await client.getAgent({ params: { name }, signal: run.stop });
    const rows = agent.components.flatMap(({ component, desired }) =>
      desired === null ? [] : [{ component, ...desired }],
    );
    run.output.table(
      agent,
      [
        { title: 'COMPONENT', cell: (row) => row.component },
        { title: 'DESIRED', cell: (row) => row.version },
        { title: 'FROM', cell: (row) => row.from },
      ],
      rows,
      'No version is wanted for this agent.',
    );
    return;
  }
  const answer = await client.getFleetDesired({ signal: run.stop });
  run.output.table(
    answer,
    [
      { title: 'COMPONENT', cell: (row) => row.component },
      { title: 'DESIRED', cell: (row) => row.version },
      { title: 'SINCE', cell: (row) => formatTime(row.atMs) },
      { title: 'BY', cell: (row) => row.by },
      { title: 'WHY', cell: (row) => row.why },
    ],
    answer.desired,
    'No version is chosen for the fleet.',
  );
}

async function choose(
  run: Run,
  client: Client,
  wanted: DesiredOptions & { readonly agent: string | undefined },
): Promise<void> {
  const { agent, component, why } = wanted;
  if (wanted.to !== undefined && wanted.unset)
    throw new CodedError('usage', '--to and --unset exclude each other');
  if ((agent === undefined) !== (wanted.fleet === true)) {
    throw new CodedError('usage', 'name one agent, or give --fleet');
  }
  const body = { version: wanted.to ?? null, why };
  const answer =
    agent === undefined
      ? await client.setFleetDesired({ params: { component }, body, signal: run.stop })
      : await client.setAgentDesired({
          params: { name: agent, component },
          body,
          signal: run.stop,
        });
  run.output.result(answer, () => [
    `${agent ?? 'the fleet'}: ${component} ${body.version === null ? 'choice taken back' : `desired ${body.version}`}`,
    ...answer.commands.map(orderedText),
  ]);
}

function orderedText(command: OrderedCommand): string {
  const held = command.holdReason === null ? '' : ` (${command.holdReason})`;
  return `${command.agent}: command ${command.id} ${command.state}${held}`;
}
