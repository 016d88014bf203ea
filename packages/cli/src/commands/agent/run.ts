import { layoutOf } from '@moult/core/layout';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples } from '../../describe.ts';
import type { Shell } from '../../shell.ts';
import { MOULT_VERSION } from '../../version.ts';

interface RunOptions {
  readonly root?: string;
}

export function addAgentRun(group: Command, shell: Shell): void {
  const command = group
    .command('run')
    .description(
      'run this program’s own agent without a launcher: it cannot be rolled back; usually `moult launcher run` is meant',
    )
    .option('--root <dir>', 'the instance lives under this directory (MOULT_ROOT)');
  withExamples(command, [
    { does: 'an enrolled instance', line: 'moult agent run --root web-1' },
  ]).action(
    shell.action<RunOptions>(async (run, options) => {
      const { runAgent } = await import('@moult/agent/run');
      const root = rootOf(options.root, run.invocation);
      return await runAgent({
        layout: layoutOf(root),
        root,
        version: MOULT_VERSION,
        stop: run.stop,
      });
    }),
  );
}
