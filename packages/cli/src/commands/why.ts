import type { Reason } from '@moult/api';
import type { Client } from '@moult/api/client';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../describe.ts';
import { EXIT } from '../exit-codes.ts';
import type { Run, Shell } from '../shell.ts';
import { ABSENT } from '../terminal/format.ts';
import { allAgents } from './agents/list.ts';

export function addWhy(program: Command, shell: Shell): void {
  const command = program
    .command('why')
    .description('why agents do not run their desired versions yet, and what would free them')
    .argument('[agent]', 'one agent; without it, all that are not there yet');
  withExamples(withOutput(withConnection(command)), [
    { does: 'everybody who waits', line: 'moult why' },
    { does: 'one agent', line: 'moult why web-1' },
  ]).action(
    shell.action<object, [string | undefined]>(async (run, _options, [agent]) => {
      const client = await run.connect();
      const reasons = await reasonsOf(run, client, agent);
      run.output.table(
        { reasons },
        [
          { title: 'AGENT', cell: (row) => row.agent },
          { title: 'COMPONENT', cell: (row) => row.component },
          { title: 'REASON', cell: (row) => row.reason },
          {
            title: 'MEANS',
            cell: (row) => `${row.text}${row.isWaitingForHost ? ' (waiting for host)' : ''}`,
          },
          { title: 'FREED BY', cell: (row) => row.freedBy ?? ABSENT },
        ],
        reasons,
        agent === undefined
          ? 'Every agent runs what is wanted for it.'
          : `${agent} runs what is wanted for it.`,
      );
      return EXIT.ok;
    }),
  );
}

/** One agent that is not asked about in time must not hide the others: they are asked one after another. */
async function reasonsOf(
  run: Run,
  client: Client,
  agent: string | undefined,
): Promise<readonly Reason[]> {
  const names =
    agent === undefined ? (await allAgents(client, {}, run.stop)).map(({ name }) => name) : [agent];
  const reasons: Reason[] = [];
  for (const name of names) {
    const answer = await client.whyAgent({ params: { name }, signal: run.stop });
    reasons.push(...answer.reasons);
  }
  return reasons;
}
