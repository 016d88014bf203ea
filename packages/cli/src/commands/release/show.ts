import { COMPONENTS, type Component } from '@moult/core/component';
import { Argument, type Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { releaseLines } from './release-text.ts';

export function addReleaseShow(group: Command, shell: Shell): void {
  const command = group
    .command('show')
    .description('one release: platforms, digests, who published it')
    .addArgument(new Argument('<component>', 'its component').choices(COMPONENTS))
    .argument('<version>', 'its version');
  withExamples(withOutput(withConnection(command)), [
    { does: 'one release', line: 'moult release show agent 1.4.0' },
  ]).action(
    shell.action<object, [Component, string]>(async (run, _options, [component, version]) => {
      const client = await run.connect();
      const release = await client.getRelease({ params: { component, version }, signal: run.stop });
      run.output.result(release, () => releaseLines(release));
      return EXIT.ok;
    }),
  );
}
