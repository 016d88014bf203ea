import type { Client } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { orderTextOf } from '../../terminal/order-text.ts';
import { commandIdOf, isOfSchedule } from './which-run.ts';

interface CancelOptions {
  readonly why?: string;
}

type Cancelled = Awaited<ReturnType<Client['revokeCommand']>>;

export function addTasksCancel(group: Command, shell: Shell): void {
  const command = group
    .command('cancel')
    .description('take runs back: one that waits never starts, one that runs is asked to end')
    .argument('<run...>', 'ids of runs or of their commands')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'one of them', line: 'moult tasks cancel 01kq3v8m6t5n9y2x --why "wrong day"' },
  ]).action(
    shell.action<CancelOptions, [string[]]>(async (run, { why }, [given]) => {
      const ofSchedule = given.find(isOfSchedule);
      if (ofSchedule !== undefined) {
        throw new CodedError(
          'usage',
          `${ofSchedule} was started by its schedule, not by an order`,
          {
            remedy: 'End its program on the host; its time-limit in tasks.yaml does so by itself.',
          },
        );
      }
      const client = await run.connect();
      const done: Cancelled[] = [];
      for (const id of given.map(commandIdOf)) {
        done.push(await client.revokeCommand({ params: { id }, body: { why }, signal: run.stop }));
      }
      run.output.result({ commands: done }, () => done.map(textOf));
      return done.some(({ effect }) => effect === 'too-late') ? EXIT.conflict : EXIT.ok;
    }),
  );
}

function textOf({ command, effect }: Cancelled): string {
  const what = `${command.agent}: ${orderTextOf(command)}`;
  switch (effect) {
    case 'stopped':
      return `${what}: ${command.state}`;
    case 'ending':
      return `${what}: ${command.state}; it runs, and its host asks it to end, then makes it`;
    case 'too-late':
      return `${what}: ${command.state}, but too late: its host ends it by itself`;
  }
}
