import { layoutOf } from '@moult/core/layout';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { enrollmentTokenOf } from './token.ts';

interface PinRootOptions {
  readonly token?: string;
  readonly root?: string;
}

export function addAgentPinRoot(group: Command, shell: Shell): void {
  const command = group
    .command('pin-root')
    .description(
      'pin the newest release root on a host that is enrolled, when it slept through too many; identity and state stay',
    )
    .option('--token <token>', 'a new enrollment token, or - to read it from standard input')
    .option('--root <dir>', 'everything of this instance lies under this directory (MOULT_ROOT)');
  withExamples(withOutput(command), [
    { does: 'this host', line: 'moult agent pin-root --token - < enrollment.token' },
  ]).action(
    shell.action<PinRootOptions>(async (run, options) => {
      const { pinAnew } = await import('@moult/agent/enroll');
      const pinned = await pinAnew({
        layout: layoutOf(rootOf(options.root, run.invocation)),
        token: await enrollmentTokenOf(options.token, run),
        signal: run.stop,
      });
      run.output.result(pinned, () => [
        `The newest root of ${pinned.coordinator} is pinned. The agent takes it when it asks next.`,
        `root metadata sha256: ${pinned.rootSha256}`,
      ]);
      return EXIT.ok;
    }),
  );
}
