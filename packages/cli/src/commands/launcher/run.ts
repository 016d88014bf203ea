import { existsSync } from 'node:fs';
import { CodedError } from '@moult/core/errors';
import { layoutOf } from '@moult/core/layout';
import type { SupervisorEvent } from '@moult/launcher/supervisor';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples } from '../../describe.ts';
import type { Shell } from '../../shell.ts';

interface RunOptions {
  readonly root?: string;
  readonly endWithStdin?: boolean;
}

export function addLauncherRun(group: Command, shell: Shell): void {
  const command = group
    .command('run')
    .description(
      'run the first launcher of this host and keep it running, as a systemd unit would; for hosts without systemd',
    )
    .option('--root <dir>', 'the instance lives under this directory (MOULT_ROOT)')
    .option('--end-with-stdin', 'end when standard input closes, for parents that may be killed');
  withExamples(command, [
    { does: 'after `moult agent enroll --root web-1`', line: 'moult launcher run --root web-1' },
  ]).action(
    shell.action<RunOptions>(async (run, options) => {
      const { firstLauncherCommand } = await import('@moult/launcher');
      const { supervise } = await import('@moult/launcher/supervisor');
      const root = rootOf(options.root, run.invocation);
      const firstCommand = firstLauncherCommand({ layout: layoutOf(root), root });
      const missing = firstCommand.slice(0, 2).find((path) => !existsSync(path));
      if (missing !== undefined) {
        throw new CodedError(
          'nothing-to-boot',
          `there is no first launcher: ${missing} is missing`,
          {
            remedy: `Install it with \`moult agent enroll${root === null ? '' : ` --root ${root}`}\`.`,
          },
        );
      }
      const stop =
        options.endWithStdin === true
          ? AbortSignal.any([run.stop, run.invocation.inputEnded()])
          : run.stop;
      return await supervise(
        {
          command: firstCommand,
          clock: run.clock,
          // Lines of the launcher and its agent are a log already: JSON, one object a line.
          onLine: (line) => run.invocation.screen.err(`${line}\n`),
          onEvent: (event) => run.output.notice(eventText(event)),
        },
        stop,
      );
    }),
  );
}

function eventText(event: SupervisorEvent): string {
  switch (event.kind) {
    case 'started':
      return `the launcher started, process ${event.pid}`;
    case 'ready':
      return `the launcher is ready, process ${event.pid}`;
    case 'unresponsive':
      return `the launcher, process ${event.pid}, no longer answers and is killed`;
    case 'ended':
      return `the launcher ended with ${event.signal ?? event.exitCode}`;
  }
}
