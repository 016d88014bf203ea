import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface ReleaseOptions {
  readonly why?: string;
}

export function addAgentsReleaseQuarantine(group: Command, shell: Shell): void {
  const command = group
    .command('release-quarantine')
    .description(
      'let an agent of which two copies were seen come back: first stop the copy that is to go, and enroll it anew if it stays',
    )
    .argument('<agent>', 'its name')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'the copy is switched off',
      line: 'moult agents release-quarantine web-1 --why "copy of the image removed"',
    },
  ]).action(
    shell.action<ReleaseOptions, [string]>(async (run, options, [name]) => {
      const client = await run.connect();
      const agent = await client.releaseQuarantine({
        params: { name },
        body: { why: options.why },
        signal: run.stop,
      });
      run.output.result(agent, () => [
        `${name} is welcome again: the next host that shows this identity is it, any other is caught.`,
      ]);
      return EXIT.ok;
    }),
  );
}
