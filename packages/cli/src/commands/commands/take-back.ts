/* `commands revoke` and `commands skip`: the same with another last moment. */
import type { Client } from '@moult/api/client';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { orderTextOf } from '../../terminal/order-text.ts';

interface TakeBackOptions {
  readonly why?: string;
}

type Verb = 'revoke' | 'skip';
type TakenBack = Awaited<ReturnType<Client['revokeCommand']>>;

const TEXTS: Readonly<Record<Verb, string>> = {
  revoke: 'take back open commands, wherever they are; says where that came too late',
  skip: 'leave out commands until their fetching starts, and not after',
};

export function addCommandsTakeBack(group: Command, shell: Shell, verb: Verb): void {
  const command = group
    .command(verb)
    .description(TEXTS[verb])
    .argument('<command...>', 'ids of commands')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'one of them', line: `moult commands ${verb} 01kq3v8m6t5n9y2x --why "wrong version"` },
  ]).action(
    shell.action<TakeBackOptions, [string[]]>(async (run, { why }, [ids]) => {
      const client = await run.connect();
      const done: TakenBack[] = [];
      for (const id of ids) {
        const request = { params: { id }, body: { why }, signal: run.stop };
        done.push(
          verb === 'revoke'
            ? await client.revokeCommand(request)
            : await client.skipCommand(request),
        );
      }
      run.output.result({ commands: done }, () => done.map(textOf));
      return done.some(({ effect }) => effect === 'too-late') ? EXIT.conflict : EXIT.ok;
    }),
  );
}

function textOf({ command, effect }: TakenBack): string {
  const what = `${command.agent}: ${orderTextOf(command)}`;
  if (effect === 'stopped') return `${what}: ${command.state}`;
  if (effect === 'ending')
    return `${what}: ${command.state}; it runs, and its host asks it to end, then makes it`;
  return `${what}: ${command.state}, but too late: the host may switch already, and ends it by itself`;
}
