import type { ResponseOf } from '@moult/api/client';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { durationMs, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { followRuns } from '../../follow/follow-runs.ts';
import { againText, newKey, ordering } from '../../ordering.ts';
import type { Shell } from '../../shell.ts';
import { pointingAt, SELECTOR_HELP, targetOf } from '../../targets.ts';
import { isWaitingForHost, runStateText } from '../../terminal/run-text.ts';
import { problemOf, requireFinished } from '../agents/many.ts';

interface RunOptions {
  readonly param: readonly Parameter[];
  readonly wait?: boolean;
  readonly timeout: number;
  readonly why?: string;
  readonly key?: string;
}

interface Parameter {
  readonly name: string;
  readonly value: string;
}

type Result = ResponseOf<'orderTasks'>['results'][number];

/** As long as an order is kept for a host that is away. */
const TIMEOUT_MS = 86_400_000;
/** Beyond this counts say more than lines; `-o json` has them all. */
const ORDERED_SHOWN_MAX = 20;

export function addTasksRun(group: Command, shell: Shell): void {
  const command = group
    .command('run')
    .description('order a run of a task')
    .argument('<agent>', `name of an agent, or ${SELECTOR_HELP}`)
    .argument('<task>', 'name of the task, as `moult tasks list` shows it')
    .option('-p, --param <name=value>', 'a parameter of the task; again for each', parameter, [])
    .option(
      '--wait',
      'follow all of it to its end, of a single agent with what it writes: 0 succeeded, 1 failed, 3 timeout',
    )
    .addOption(
      new Option('--timeout <duration>', 'longest wait')
        .argParser(durationMs)
        .default(TIMEOUT_MS, '1d'),
    )
    .option('-m, --why <text>', 'kept in the history')
    .option('--key <key>', 'the same key orders nothing twice');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'on one agent, seen through with its output',
      line: 'moult tasks run web-1 backup --wait',
    },
    {
      does: 'with parameters, on many',
      line: 'moult tasks run "group=eu" backup --param target=tape --why "before the move"',
    },
    {
      does: 'what it wrote into a file',
      line: 'moult tasks run web-1 dump --wait --quiet > dump.txt',
    },
  ]).action(
    shell.action<RunOptions, [string, string]>(async (run, options, [given, task]) => {
      const target = targetOf([given]);
      const client = await run.connect();
      const key = options.key ?? newKey(run);
      const { why, param: parameters } = options;
      const body = { ...target, task, parameters: [...parameters], why, key };
      const answer = await ordering(run, key, () =>
        pointingAt(run, target, () => client.orderTasks({ body, signal: run.stop })),
      );
      const { results, unfinished } = answer;
      const again = againText(key);
      const refused = results.flatMap(refusalOf);
      const [only] = refused;
      if (only !== undefined && results.length === 1 && unfinished === null)
        throw await problemOf({ ...only, remedy: '' });
      for (const { agent, message, code } of refused)
        run.output.notice(`${agent}: refused: ${message} (${code})`);
      const runs = results.flatMap(({ agent, run: id }) =>
        id === null ? [] : [{ agent, run: id }],
      );
      if (options.wait === true && runs.length > 0) {
        const showsOutput = results.length === 1 && !run.output.isJson;
        await followRuns(run, { client, runs, timeoutMs: options.timeout, showsOutput });
      } else run.output.result(answer, () => orderedLines(results, task));
      await requireFinished(answer, again);
      return refused.length > 0 ? EXIT.conflict : EXIT.ok;
    }),
  );
}

function orderedLines(results: readonly Result[], task: string): readonly string[] {
  const ordered = results.flatMap(({ agent, command, run }) =>
    command === null || run === null ? [] : [{ agent, command, run }],
  );
  const count =
    results.length > 1
      ? [
          `${ordered.length} of ${results.length} ordered: \`moult tasks runs --task ${task}\` shows them`,
        ]
      : [];
  if (ordered.length > ORDERED_SHOWN_MAX) return count;
  return [
    ...ordered.map(({ agent, command, run }) => {
      const state = runStateText({
        ...command,
        isWaitingForHost: isWaitingForHost(command.holdReason),
        startedMs: null,
      });
      return `${agent}: ${task} ${state} (moult tasks show ${run})`;
    }),
    ...count,
  ];
}

function refusalOf({ outcome, agent, code, message }: Result) {
  return outcome === 'refused' ? [{ agent, code: code ?? 'unknown', message: message ?? '' }] : [];
}

function parameter(text: string, before: readonly Parameter[]): readonly Parameter[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give a parameter as NAME=VALUE.');
  return [...before, { name: text.slice(0, at), value: text.slice(at + 1) }];
}
