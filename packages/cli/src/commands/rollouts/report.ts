/* The two reports of a rollout: of all its agents with their ends, and of one agent with each step of its last order. */
import type { Rollout } from '@moult/api';
import type { Client } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { OutputFlags, Run, Shell } from '../../shell.ts';
import { attemptLines } from '../../terminal/attempt-text.ts';
import { csvLines } from '../../terminal/csv.ts';
import { ABSENT, formatDuration, formatTime } from '../../terminal/format.ts';
import { type Column, tableLines } from '../../terminal/table.ts';
import { memberText } from './member-text.ts';
import { allMembers, type Member } from './members.ts';
import { statusLines } from './rollout-text.ts';

interface ReportOptions extends OutputFlags {
  readonly agent?: string;
}

export function addRolloutsReport(group: Command, shell: Shell): void {
  const command = group
    .command('report')
    .description('what became of each agent of a rollout, and when; or each step of one agent')
    .argument('<rollout>', 'its name or id')
    .option('--agent <agent>', 'each step of this agent’s upgrade, with the evidence');
  withExamples(withOutput(withConnection(command), ['csv']), [
    { does: 'all of it', line: 'moult rollouts report spring' },
    { does: 'for a spreadsheet', line: 'moult rollouts report spring -o csv > spring.csv' },
    { does: 'one agent', line: 'moult rollouts report spring --agent web-1' },
  ]).action(
    shell.action<ReportOptions, [string]>(async (run, options, [name]) => {
      const client = await run.connect();
      const rollout = await client.getRollout({ params: { rollout: name }, signal: run.stop });
      const agents = await allMembers(client, { rollout: rollout.id }, run.stop);
      if (options.agent !== undefined) {
        const { agent, output } = options;
        await showAgent(run, client, { rollout, agents, agent, isCsv: output === 'csv' });
      } else if (options.output === 'csv') {
        run.output.result(null, () => csvLines(CSV_COLUMNS, agents));
      } else {
        run.output.result({ rollout, agents }, () => [
          ...statusLines(rollout, run.clock.nowMs()),
          ...(agents.length === 0 ? [] : ['', ...tableLines(COLUMNS, agents)]),
        ]);
      }
      return EXIT.ok;
    }),
  );
}

async function showAgent(
  run: Run,
  client: Client,
  of: {
    readonly rollout: Rollout;
    readonly agents: readonly Member[];
    readonly agent: string;
    readonly isCsv: boolean;
  },
): Promise<void> {
  const { rollout, isCsv } = of;
  // Redundant instances bear one name.
  const members = of.agents.filter(({ agent }) => agent === of.agent);
  if (members.length === 0) {
    throw new CodedError('usage', `${of.agent} is no agent of the rollout ${rollout.name}`, {
      remedy: `See which are: \`moult rollouts report ${rollout.name}\`.`,
    });
  }
  const commands: Awaited<ReturnType<Client['getCommand']>>[] = [];
  for (const { commandId } of members) {
    if (commandId === null) continue;
    commands.push(await client.getCommand({ params: { id: commandId }, signal: run.stop }));
  }
  const attempts = commands.flatMap((one) => one.attempts);
  if (isCsv) {
    const steps = attempts.flatMap(({ agent, commandId, attempt, steps: all }) =>
      all.map((one) => ({ agent, commandId, attempt, ...one })),
    );
    run.output.result(null, () => csvLines(STEP_COLUMNS, steps));
    return;
  }
  run.output.result({ rollout, agents: members, commands }, () => [
    ...tableLines(COLUMNS, members),
    ...attempts.flatMap((attempt) => ['', ...attemptLines(attempt)]),
  ]);
}

const COLUMNS: readonly Column<Member>[] = [
  { title: 'WAVE', cell: ({ wave }) => String(wave + 1), align: 'right' },
  { title: 'AGENT', cell: ({ agent }) => agent },
  { title: 'GROUP', cell: ({ group }) => group },
  { title: 'FROM', cell: ({ from }) => from ?? ABSENT },
  { title: 'STARTED', cell: ({ startedMs }) => formatTime(startedMs) },
  { title: 'TOOK', cell: tookText },
  { title: 'STATE', cell: memberText },
];

/** For programs: times that sort and add up, codes apart from messages. */
const CSV_COLUMNS: readonly Column<Member>[] = [
  { title: 'wave', cell: ({ wave }) => String(wave + 1) },
  { title: 'place', cell: ({ place }) => String(place + 1) },
  { title: 'agent', cell: ({ agent }) => agent },
  { title: 'group', cell: ({ group }) => group },
  { title: 'from', cell: ({ from }) => from ?? '' },
  { title: 'state', cell: ({ state }) => state },
  { title: 'failure', cell: ({ failure }) => failure ?? '' },
  { title: 'holdReason', cell: ({ holdReason }) => holdReason ?? '' },
  { title: 'started', cell: ({ startedMs }) => isoTime(startedMs) },
  { title: 'ended', cell: ({ endedMs }) => isoTime(endedMs) },
  { title: 'command', cell: ({ commandId }) => commandId ?? '' },
  { title: 'code', cell: ({ code }) => code ?? '' },
  { title: 'message', cell: ({ message }) => message ?? '' },
];

interface Step {
  readonly agent: string;
  readonly commandId: string;
  readonly attempt: number;
  readonly step: string;
  readonly startedMs: number;
}

const STEP_COLUMNS: readonly Column<Step>[] = [
  { title: 'agent', cell: ({ agent }) => agent },
  { title: 'command', cell: ({ commandId }) => commandId },
  { title: 'attempt', cell: ({ attempt }) => String(attempt) },
  { title: 'step', cell: ({ step }) => step },
  { title: 'started', cell: ({ startedMs }) => isoTime(startedMs) },
];

function tookText({ startedMs, endedMs }: Member): string {
  if (startedMs === null || endedMs === null) return ABSENT;
  return formatDuration(Math.max(0, endedMs - startedMs));
}

function isoTime(ms: number | null): string {
  return ms === null ? '' : new Date(ms).toISOString();
}
