/* The two reports of a rollout: of all its commands and agents with their ends, and of one agent with each step. */
import type { Attempt, Rollout } from '@moult/api';
import type { Client } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import { isFailure } from '@moult/core/rollout';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { OutputFlags, Run, Shell } from '../../shell.ts';
import { attemptLines } from '../../terminal/attempt-text.ts';
import { allMembers, type Member } from './members.ts';
import { rowCsv, stepCsv } from './report-csv.ts';
import { allGiven, reportRows } from './report-rows.ts';
import { reportLines, rowLines } from './report-text.ts';

interface ReportOptions extends OutputFlags {
  readonly agent?: string;
  readonly evidence?: boolean;
}

/** Nobody reads the evidence of more; each of them has a report of its own. */
const EVIDENCE_MAX = 20;

export function addRolloutsReport(group: Command, shell: Shell): void {
  const command = group
    .command('report')
    .description(
      'what became of each agent of a rollout, when, and who did what to it; or each step of one agent',
    )
    .argument('<rollout>', 'its name or id')
    .option('--agent <agent>', 'each step of this agent’s upgrades, with the evidence')
    .option('--evidence', 'also the evidence of those that failed: exit codes, last lines of logs');
  withExamples(withOutput(withConnection(command), ['csv']), [
    { does: 'all of it', line: 'moult rollouts report spring' },
    { does: 'why they failed', line: 'moult rollouts report spring --evidence' },
    { does: 'for a spreadsheet', line: 'moult rollouts report spring -o csv > spring.csv' },
    { does: 'one agent', line: 'moult rollouts report spring --agent web-1' },
  ]).action(
    shell.action<ReportOptions, [string]>(async (run, options, [name]) => {
      const client = await run.connect();
      if (options.agent === undefined) await showAll(run, client, { name, options });
      else await showAgent(run, client, { name, agent: options.agent, options });
      return EXIT.ok;
    }),
  );
}

async function showAll(
  run: Run,
  client: Client,
  { name, options }: { readonly name: string; readonly options: ReportOptions },
): Promise<void> {
  const report = await client.reportRollout({ params: { rollout: name }, signal: run.stop });
  const { id: rollout } = report.rollout;
  const agents = await allMembers(client, { rollout }, run.stop);
  const commands = await allGiven(client, { rollout }, run.stop);
  const rows = reportRows(agents, commands, report.rollout.version);
  if (options.output === 'csv') {
    run.output.result(null, () => rowCsv(rows));
    return;
  }
  const failed = agents.filter(({ state }) => isFailure(state));
  const attempts =
    options.evidence === true ? await attemptsOf(run, client, failed.slice(0, EVIDENCE_MAX)) : [];
  const more = options.evidence === true ? Math.max(0, failed.length - EVIDENCE_MAX) : 0;
  run.output.result({ ...report, agents, commands, attempts }, () => [
    ...reportLines(report, rows, run.clock.nowMs()),
    ...attempts.flatMap((attempt) => ['', ...attemptLines(attempt)]),
    ...(more === 0 ? [] : ['', `and ${more} more: moult rollouts report ${name} --agent AGENT`]),
  ]);
}

/** Of their last commands. */
async function attemptsOf(
  run: Run,
  client: Client,
  members: readonly Member[],
): Promise<readonly Attempt[]> {
  const attempts: Attempt[] = [];
  for (const { commandId } of members) {
    if (commandId === null) continue;
    const answer = await client.getCommand({ params: { id: commandId }, signal: run.stop });
    attempts.push(...answer.attempts);
  }
  return attempts;
}

async function showAgent(
  run: Run,
  client: Client,
  of: { readonly name: string; readonly agent: string; readonly options: ReportOptions },
): Promise<void> {
  const { agent } = of;
  const rollout = await client.getRollout({ params: { rollout: of.name }, signal: run.stop });
  // Redundant instances bear one name.
  const members = await membersNamed(run, client, { rollout, agent });
  const commands = await allGiven(client, { rollout: rollout.id, agent }, run.stop);
  const query = { agent, rollout: rollout.id };
  const { attempts: newestFirst } = await client.listAttempts({ query, signal: run.stop });
  const attempts = [...newestFirst].reverse();
  if (of.options.output === 'csv') {
    run.output.result(null, () => stepCsv(attempts));
    return;
  }
  run.output.result({ rollout, agents: members, commands, attempts }, () => [
    ...rowLines(reportRows(members, commands, rollout.version)),
    ...attempts.flatMap((attempt) => ['', ...attemptLines(attempt)]),
    ...(attempts.length === 0 ? ['', `Nothing of ${agent} has run yet.`] : []),
  ]);
}

async function membersNamed(
  run: Run,
  client: Client,
  { rollout, agent }: { readonly rollout: Rollout; readonly agent: string },
): Promise<readonly Member[]> {
  const agents = await allMembers(client, { rollout: rollout.id }, run.stop);
  const members = agents.filter((member) => member.agent === agent);
  if (members.length > 0) return members;
  throw new CodedError('usage', `${agent} is no agent of the rollout ${rollout.name}`, {
    remedy: `See which are: \`moult rollouts report ${rollout.name}\`.`,
  });
}
