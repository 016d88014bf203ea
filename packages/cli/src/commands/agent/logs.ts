import type { Command } from 'commander';
import { wholeNumber, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { type AskingOptions, asked } from './asking.ts';

interface LogsOptions extends AskingOptions {
  readonly lines: number;
  readonly follow?: boolean;
}

export function addAgentLogs(group: Command, shell: Shell): void {
  const command = group
    .command('logs')
    .description(
      'the last lines of the log of the agent that serves here, JSON; what is older lies where its launcher writes (journalctl)',
    )
    .option('--lines <count>', 'how many', wholeNumber, 50)
    .option('-f, --follow', 'and those that come, until Ctrl-C')
    .option('--root <dir>', 'the instance lives under this directory (MOULT_ROOT)');
  withExamples(withOutput(command), [
    { does: 'what it does now', line: 'moult agent logs --follow' },
  ]).action(
    shell.action<LogsOptions>(async (run, options) => {
      const ask = { ask: 'logs', lines: options.lines, follow: options.follow === true } as const;
      try {
        await asked(run, options, ask, (line) => run.output.lines([line]));
      } catch (error) {
        if (!run.stop.aborted) throw error;
      }
      return EXIT.ok;
    }),
  );
}
