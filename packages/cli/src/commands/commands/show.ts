import { type CommandState, isEnded } from '@moult/core/command';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { attemptLines } from '../../terminal/attempt-text.ts';
import { formatTime } from '../../terminal/format.ts';
import { orderTextOf } from '../../terminal/order-text.ts';
import { remedyOf } from '../../terminal/remedy.ts';
import { fieldLines } from '../../terminal/table.ts';

interface ShowOptions {
  readonly exitCode?: boolean;
}

export function addCommandsShow(group: Command, shell: Shell): void {
  const command = group
    .command('show')
    .description('one command with its attempts, their steps and evidence')
    .argument('<command>', 'id of the command')
    .option('--exit-code', 'end with 0 succeeded, 5 ended otherwise, 8 still pending');
  withExamples(withOutput(withConnection(command)), [
    { does: 'all about a command', line: 'moult commands show 01kq3v8m6t5n9y2x' },
    { does: 'ask in a script', line: 'moult commands show 01kq3v8m6t5n9y2x --exit-code -q' },
  ]).action(
    shell.action<ShowOptions, [string]>(async (run, options, [id]) => {
      const client = await run.connect();
      const answer = await client.getCommand({ params: { id }, signal: run.stop });
      const { command, attempts } = answer;
      const remedy = remedyOf(command);
      run.output.result(answer, () => [
        ...fieldLines([
          ['command', command.id],
          ['agent', command.agent],
          ['what', orderTextOf(command)],
          ['state', command.state],
          ...(command.holdReason === null ? [] : [['held by', command.holdReason] as const]),
          ...(command.message === null ? [] : [['message', command.message] as const]),
          ...(command.code === null ? [] : [['code', command.code] as const]),
          // Where there was an attempt, its end says it.
          ...(remedy === null || attempts.length > 0 ? [] : [['next', remedy] as const]),
          ['created', `${formatTime(command.createdMs)} by ${command.createdBy}`],
          ...(command.why === '' ? [] : [['why', command.why] as const]),
          ['not after', formatTime(command.notAfterMs)],
          ['ended', formatTime(command.endedMs)],
        ]),
        ...attempts.flatMap((attempt) => ['', ...attemptLines(attempt)]),
      ]);
      return options.exitCode === true ? exitCodeOfState(command.state) : EXIT.ok;
    }),
  );
}

function exitCodeOfState(state: CommandState): number {
  if (!isEnded(state)) return EXIT.pending;
  return state === 'succeeded' ? EXIT.ok : EXIT.failedUpgrade;
}
