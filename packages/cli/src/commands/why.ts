import type { Reason, Run as TaskRun } from '@moult/api';
import type { Client } from '@moult/api/client';
import { isName } from '@moult/core/name';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../describe.ts';
import { EXIT } from '../exit-codes.ts';
import type { Run, Shell } from '../shell.ts';
import { pointingAt, SELECTOR_HELP } from '../targets.ts';
import { ABSENT } from '../terminal/format.ts';
import { knownReason } from '../terminal/run-text.ts';
import { allAgents, PAGES_MAX } from './agents/list.ts';

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
      const runs = await waitingRuns(run, client, agent);
      run.output.table(
        { reasons, runs },
        [
          { title: 'AGENT', cell: (row) => row.agent },
          { title: 'COMPONENT', cell: (row) => row.component },
          { title: 'REASON', cell: (row) => row.reason },
          {
            title: 'MEANS',
            cell: meaningOf,
          },
          { title: 'FREED BY', cell: (row) => row.freedBy ?? ABSENT },
        ],
        [...reasons, ...runs.map(reasonOfRun)],
        nobodyText(agent, agents),
      );
      return EXIT.ok;
    }),
  );
}

type Row = Omit<Reason, 'component' | 'commandId'> & { readonly component: string };

function meaningOf({ text, detail, isWaitingForHost }: Row): string {
  const about = detail === null ? text : `${text}: ${detail}`;
  return isWaitingForHost ? `${about} (waiting for host)` : about;
}

function reasonOfRun({ agent, task, holdReason, isWaitingForHost }: TaskRun): Row {
  const reason = holdReason ?? '';
  const known = knownReason(reason);
  const isFreedAnywhere = known !== null && known.freedWhere === undefined;
  const freedBy = (isFreedAnywhere ? known.freedBy : null)?.replace('AGENT', agent) ?? null;
  const text = known?.text ?? reason;
  return {
    agent,
    component: `task ${task}`,
    reason,
    text,
    detail: null,
    freedBy,
    isWaitingForHost,
  };
}

async function waitingRuns(
  run: Run,
  client: Client,
  given: string | undefined,
): Promise<readonly TaskRun[]> {
  const isOne = given !== undefined && isName(given);
  const waiting: TaskRun[] = [];
  let before: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const query = {
      agent: isOne ? given : undefined,
      state: 'open',
      before,
      limit: 1_000,
    } as const;
    const { runs, next } = await client.listRuns({ query, signal: run.stop });
    waiting.push(...runs.filter((one) => one.startedMs === null && one.holdReason !== null));
    if (next === null) break;
    before = next;
  }
  if (given === undefined || isOne || waiting.length === 0) return waiting;
  const selected = await allAgents(client, { group: undefined, select: given }, run.stop);
  const names = new Set(selected.map(({ name }) => name));
  return waiting.filter(({ agent }) => names.has(agent));
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
