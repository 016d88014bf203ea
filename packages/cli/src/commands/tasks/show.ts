import type { Run as TaskRun } from '@moult/api';
import { isEnded } from '@moult/core/command';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { ABSENT, formatBytes, formatTime } from '../../terminal/format.ts';
import { parametersText, runRemedyOf, runStateText, runTookText } from '../../terminal/run-text.ts';
import { whichRun } from './which-run.ts';

interface ShowOptions {
  readonly agent?: string;
  readonly exitCode?: boolean;
}

type Fields = readonly (readonly [string, string])[];

export function addTasksShow(group: Command, shell: Shell): void {
  const command = group
    .command('show')
    .description('one run of a task: its order, its end, and how to see what it wrote')
    .argument('<run>', 'id of the run or of its command')
    .option('--agent <agent>', 'whose run, for one that a schedule started')
    .option('--exit-code', 'end with 0 succeeded, 1 ended otherwise, 8 still pending');
  withExamples(withOutput(withConnection(command)), [
    { does: 'all about a run', line: 'moult tasks show 01kq3v8m6t5n9y2x' },
    {
      does: 'one that a schedule started',
      line: 'moult tasks show @backup/1764126000000 --agent web-1',
    },
    { does: 'ask in a script', line: 'moult tasks show 01kq3v8m6t5n9y2x --exit-code -q' },
  ]).action(
    shell.action<ShowOptions, [string]>(async (run, options, [given]) => {
      const client = await run.connect();
      const params = await whichRun(run, client, { given, agent: options.agent });
      const found = await client.getRun({ params, signal: run.stop });
      run.output.fields(found, () => fieldsOf(found));
      return options.exitCode === true ? exitCodeOf(found) : EXIT.ok;
    }),
  );
}

function fieldsOf(run: TaskRun): Fields {
  const given = parametersText(run.parameters);
  return [
    ['run', run.run],
    ['agent', run.agent],
    ['task', run.task],
    ...(given === '' ? [] : [['parameters', given] as const]),
    ['state', runStateText(run)],
    ...endFields(run),
    ['ordered', orderedText(run)],
    ...(run.why === '' ? [] : [['why', run.why] as const]),
    ['started', startedText(run)],
    ['ended', formatTime(run.endedMs)],
    ['took', runTookText(run)],
    ...(run.startedMs === null ? [] : outputFields(run)),
  ];
}

function endFields(run: TaskRun): Fields {
  const remedy = runRemedyOf(run);
  return [
    ...(run.exitCode === null ? [] : [['exit code', String(run.exitCode)] as const]),
    ...(run.signal === null ? [] : [['signal', run.signal] as const]),
    ...(run.message === null ? [] : [['message', run.message] as const]),
    ...(run.code === null ? [] : [['code', run.code] as const]),
    ...(remedy === null ? [] : [['next', remedy] as const]),
  ];
}

function orderedText({ commandId, createdMs, createdBy }: TaskRun): string {
  const at = formatTime(createdMs);
  return commandId === null ? `${at} by its schedule` : `${at} by ${createdBy || ABSENT}`;
}

function startedText({ startedMs, starts }: TaskRun): string {
  const again = starts > 1 ? `, begun ${starts} times: its agent ended while it ran` : '';
  return `${formatTime(startedMs)}${again}`;
}

function outputFields(run: TaskRun): Fields {
  const dropped =
    run.droppedBytes === 0
      ? ''
      : `, ${formatBytes(run.droppedBytes)} beyond its output-limit are gone`;
  return [
    // Nobody was there to count.
    [
      'wrote',
      run.code === 'outcome-unknown' ? ABSENT : `${formatBytes(run.outputBytes)}${dropped}`,
    ],
    ['see it', `moult output ${run.agent} --run ${run.run}`],
  ];
}

function exitCodeOf({ state }: TaskRun): number {
  if (!isEnded(state)) return EXIT.pending;
  return state === 'succeeded' ? EXIT.ok : EXIT.error;
}
