import { COMPONENTS, type Component } from '@moult/core/component';
import type { Command } from 'commander';
import { choice, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { formatTime } from '../../terminal/format.ts';

interface ListOptions {
  readonly component?: Component;
}

export function addReleaseList(group: Command, shell: Shell): void {
  const command = group
    .command('list')
    .description('releases, newest first, with the number of instances that run them')
    .addOption(choice('--component <component>', 'only of one component', COMPONENTS));
  withExamples(withOutput(withConnection(command)), [
    { does: 'what can be chosen for agents', line: 'moult release list --component agent' },
  ]).action(
    shell.action<ListOptions>(async (run, { component }) => {
      const client = await run.connect();
      const answer = await client.listReleases({ query: { component }, signal: run.stop });
      run.output.table(
        answer,
        [
          { title: 'COMPONENT', cell: (release) => release.component },
          { title: 'VERSION', cell: (release) => release.version },
          { title: 'STATE', cell: (release) => release.state },
          {
            title: 'PLATFORMS',
            cell: (release) => release.platforms.map(({ platform }) => platform).join(', '),
          },
          { title: 'RUN BY', cell: (release) => String(release.agents), align: 'right' },
          { title: 'PUBLISHED', cell: (release) => formatTime(release.publishedMs) },
        ],
        answer.releases,
        'There are no releases: `moult release build`, then `moult release publish`.',
      );
      return EXIT.ok;
    }),
  );
}
