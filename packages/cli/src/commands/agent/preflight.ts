import { layoutOf } from '@moult/core/layout';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import {
  checkLines,
  checksWithRemedies,
  isAnyFailing,
  summaryOf,
} from '../../terminal/check-text.ts';
import { MOULT_VERSION } from '../../version.ts';

interface PreflightOptions {
  readonly root?: string;
  readonly to?: string;
}

export function addAgentPreflight(group: Command, shell: Shell): void {
  const command = group
    .command('preflight')
    .description(
      'what an upgrade of this host would be held up by, looked at now; nothing is changed',
    )
    .option('--root <dir>', 'the instance lives under this directory (MOULT_ROOT)')
    .option(
      '--to <version>',
      'for this version of the agent; unless given, for none in particular',
    );
  withExamples(withOutput(command), [
    { does: 'this host', line: 'moult agent preflight' },
    { does: 'whether a certain version would be let in', line: 'moult agent preflight --to 1.2.0' },
  ]).action(
    shell.action<PreflightOptions>(async (run, options) => {
      const { preflightHost } = await import('@moult/agent/preflight');
      const root = rootOf(options.root, run.invocation);
      const checks = await preflightHost({
        layout: layoutOf(root),
        version: options.to ?? null,
        own: MOULT_VERSION,
        stop: run.stop,
      });
      const { screen } = run.invocation;
      run.output.result({ checks: checksWithRemedies(checks) }, () => [
        ...checkLines(checks, screen),
        summaryOf(checks),
      ]);
      return isAnyFailing(checks) ? EXIT.error : EXIT.ok;
    }),
  );
}
