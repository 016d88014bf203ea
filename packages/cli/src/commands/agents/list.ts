import type { Agent } from '@moult/api';
import type { Client } from '@moult/api/client';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { pointingAt, SELECTOR_HELP, selectOf } from '../../targets.ts';
import { ABSENT, formatAgo } from '../../terminal/format.ts';
import { currentOf, desiredOf, stateText } from './agent-text.ts';

interface ListOptions {
  readonly group?: string;
}

/** Pages are 1,000 long: a fleet of a million ends, a coordinator that repeats itself does too. */
export const PAGES_MAX = 1_000;

export function addAgentsList(group: Command, shell: Shell): void {
  const command = group
    .command('list')
    .description('all agents: state, versions, and when they were last seen')
    .argument('[selector]', `only those: a name, or ${SELECTOR_HELP}`)
    .option('--group <group>', 'only the agents of one group');
  withExamples(withOutput(withConnection(command)), [
    { does: 'everybody', line: 'moult agents list' },
    {
      does: 'whoever is behind and connected',
      line: 'moult agents list "version<2.1 and state!=down"',
    },
    {
      does: 'names of the agents that are not Up',
      line: `moult agents list -o json | jq -r '.agents[] | select(.state != "Up") | .name'`,
    },
  ]).action(
    shell.action<ListOptions, [string | undefined]>(async (run, { group: name }, [given]) => {
      const client = await run.connect();
      const select = given === undefined ? undefined : selectOf(given);
      const agents = await pointingAt(run, { select }, () =>
        allAgents(client, { group: name, select }, run.stop),
      );
      const nowMs = run.clock.nowMs();
      run.output.table(
        { agents, next: null },
        [
          { title: 'AGENT', cell: (agent) => agent.name },
          { title: 'GROUP', cell: (agent) => agent.group },
          { title: 'STATE', cell: stateText },
          { title: 'CURRENT', cell: (agent) => currentOf(agent, 'agent') },
          { title: 'DESIRED', cell: (agent) => desiredOf(agent, 'agent') },
          { title: 'LAUNCHER', cell: (agent) => currentOf(agent, 'launcher') },
          { title: 'PLATFORM', cell: (agent) => agent.platform || ABSENT },
          { title: 'SEEN', cell: (agent) => formatAgo({ atMs: agent.lastSeenMs, nowMs }) },
        ],
        agents,
        given === undefined && name === undefined
          ? 'No agent is enrolled yet: `moult tokens create` makes a token for `moult agent enroll`.'
          : 'No agent is selected.',
      );
      return EXIT.ok;
    }),
  );
}

async function allAgents(
  client: Client,
  of: { readonly group: string | undefined; readonly select: string | undefined },
  signal: AbortSignal,
): Promise<readonly Agent[]> {
  const agents: Agent[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await client.listAgents({ query: { ...of, after }, signal });
    agents.push(...answer.agents);
    if (answer.next === null) break;
    after = answer.next;
  }
  return agents;
}
