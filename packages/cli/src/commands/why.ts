import type { Reason } from '@moult/api';
import type { Client } from '@moult/api/client';
import { isName } from '@moult/core/name';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../describe.ts';
import { EXIT } from '../exit-codes.ts';
import type { Run, Shell } from '../shell.ts';
import { pointingAt, SELECTOR_HELP } from '../targets.ts';
import { ABSENT } from '../terminal/format.ts';
import { PAGES_MAX } from './agents/list.ts';

export function addWhy(program: Command, shell: Shell): void {
  const command = program
    .command('why')
    .description(
      'why agents do not run their desired versions yet, why tasks wait, and what would free them',
    )
    .argument('[agent]', `a name, or ${SELECTOR_HELP}; without it, everybody`);
  withExamples(withOutput(withConnection(command)), [
    { does: 'everybody who waits', line: 'moult why' },
    { does: 'one agent', line: 'moult why web-1' },
    { does: 'some agents', line: 'moult why "group=eu and state!=down"' },
  ]).action(
    shell.action<object, [string | undefined]>(async (run, _options, [agent]) => {
      const client = await run.connect();
      const { reasons, agents } = await pointingAt(run, { select: agent }, () =>
        reasonsOf(run, client, agent),
      );
      run.output.table(
        { reasons },
        [
          { title: 'AGENT', cell: (row) => row.agent },
          {
            title: 'COMPONENT',
            cell: ({ component, task }) => (task === null ? component : `task ${task}`),
          },
          { title: 'REASON', cell: (row) => row.reason },
          {
            title: 'MEANS',
            cell: meaningOf,
          },
          { title: 'FREED BY', cell: (row) => row.freedBy ?? ABSENT },
        ],
        reasons,
        nobodyText(agent, agents),
      );
      return EXIT.ok;
    }),
  );
}

function meaningOf({ text, detail, isWaitingForHost }: Reason): string {
  const about = detail === null ? text : `${text}: ${detail}`;
  return isWaitingForHost ? `${about} (waiting for host)` : about;
}

async function reasonsOf(
  run: Run,
  client: Client,
  given: string | undefined,
): Promise<{ readonly reasons: readonly Reason[]; readonly agents: number }> {
  if (given !== undefined && isName(given)) {
    const { reasons } = await client.whyAgent({ params: { name: given }, signal: run.stop });
    return { reasons, agents: 1 };
  }
  const reasons: Reason[] = [];
  let agents = 0;
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const query = { select: given, after };
    const answer = await client.whyAgents({ query, signal: run.stop });
    reasons.push(...answer.reasons);
    agents += answer.agents;
    if (answer.next === null) break;
    after = answer.next;
  }
  return { reasons, agents };
}

function nobodyText(given: string | undefined, agents: number): string {
  if (given === undefined) return 'Every agent runs what is wanted for it.';
  if (isName(given)) return `${given} runs what is wanted for it.`;
  if (agents === 0) return 'No agent is selected.';
  return `Each of the ${agents} selected agents runs what is wanted for it.`;
}
