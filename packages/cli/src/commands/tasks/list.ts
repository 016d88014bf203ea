import type { OfferedTask } from '@moult/api';
import type { Client } from '@moult/api/client';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Run, Shell } from '../../shell.ts';
import { ABSENT } from '../../terminal/format.ts';
import { PAGES_MAX } from '../agents/list.ts';

interface ListOptions {
  readonly agent?: string;
}

export function addTasksList(group: Command, shell: Shell): void {
  const command = group
    .command('list')
    .description(
      'what can be run: the tasks that the owners of hosts allow, and on how many agents',
    )
    .option('--agent <agent>', 'only what one agent offers');
  withExamples(withOutput(withConnection(command)), [
    { does: 'in the whole fleet', line: 'moult tasks list' },
    { does: 'on one agent', line: 'moult tasks list --agent web-1' },
  ]).action(
    shell.action<ListOptions>(async (run, { agent }) => {
      const client = await run.connect();
      const tasks = await allTasks(run, client, agent);
      run.output.table(
        { tasks, next: null },
        [
          { title: 'TASK', cell: (task) => task.name },
          {
            title: 'AGENTS',
            cell: (task) => `${task.agents}${task.isUniform ? '' : ' (not alike)'}`,
            align: 'right',
          },
          { title: 'PARAMETERS', cell: (task) => task.parameters.join(', ') || ABSENT },
          { title: 'SCHEDULE', cell: scheduleText },
          { title: 'DESCRIPTION', cell: (task) => task.description },
        ],
        tasks,
        agent === undefined
          ? 'No agent offers a task: the owner of a host lists them in its tasks.yaml (docs/tasks-and-output.md).'
          : `${agent} offers no task: the owner of its host lists them in tasks.yaml (docs/tasks-and-output.md).`,
      );
      return EXIT.ok;
    }),
  );
}

async function allTasks(
  run: Run,
  client: Client,
  agent: string | undefined,
): Promise<readonly OfferedTask[]> {
  const tasks: OfferedTask[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await client.listTasks({ query: { agent, after }, signal: run.stop });
    tasks.push(...answer.tasks);
    if (answer.next === null) break;
    after = answer.next;
  }
  return tasks;
}

/** `0 3 * * * (Europe/Berlin)`. */
function scheduleText({ schedule }: OfferedTask): string {
  return schedule === null ? ABSENT : `${schedule.cron} (${schedule.timeZone})`;
}
