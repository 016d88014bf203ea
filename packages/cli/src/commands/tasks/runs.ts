import type { Run as TaskRun } from '@moult/api';
import type { Command } from 'commander';
import { wholeNumber, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { ABSENT, formatTime } from '../../terminal/format.ts';
import { runStateText, runTookText } from '../../terminal/run-text.ts';

interface RunsOptions {
  readonly task?: string;
  readonly open?: boolean;
  readonly limit: number;
}

const LIMIT = 100;

export function addTasksRuns(group: Command, shell: Shell): void {
  const command = group
    .command('runs')
    .description('runs of tasks, newest first, from their order on; those of schedules too')
    .argument('[agent]', 'only those of one agent')
    .option('--task <task>', 'only those of one task')
    .option('--open', 'only those that have not ended')
    .option('--limit <count>', 'how many at most', wholeNumber, LIMIT);
  withExamples(withOutput(withConnection(command)), [
    { does: 'what waits or runs, and for what it waits', line: 'moult tasks runs --open' },
    { does: 'of one task on one agent', line: 'moult tasks runs web-1 --task backup' },
    {
      does: 'those that failed',
      line: `moult tasks runs -o json | jq '.runs[] | select(.state == "failed")'`,
    },
  ]).action(
    shell.action<RunsOptions, [string | undefined]>(async (run, options, [agent]) => {
      const client = await run.connect();
      const { task, limit } = options;
      const state = options.open === true ? 'open' : 'all';
      const answer = await client.listRuns({
        query: { agent, task, state, limit },
        signal: run.stop,
      });
      run.output.table(
        answer,
        [
          { title: 'RUN', cell: (row) => row.run },
          { title: 'AGENT', cell: (row) => row.agent },
          { title: 'TASK', cell: (row) => row.task },
          { title: 'STATE', cell: stateText },
          { title: 'STARTED', cell: (row) => formatTime(row.startedMs) },
          { title: 'TOOK', cell: runTookText, align: 'right' },
          { title: 'BY', cell: byText },
        ],
        answer.runs,
        'There are no such runs.',
      );
      return EXIT.ok;
    }),
  );
}

function stateText(run: TaskRun): string {
  return run.code === null ? runStateText(run) : `${runStateText(run)} (${run.code})`;
}

function byText({ commandId, createdBy }: TaskRun): string {
  return commandId === null ? 'its schedule' : createdBy || ABSENT;
}
