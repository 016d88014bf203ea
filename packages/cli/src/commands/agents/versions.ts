import { COMPONENTS, type Component } from '@moult/core/component';
import type { Command } from 'commander';
import { choice, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { ABSENT, formatTime } from '../../terminal/format.ts';

interface VersionsOptions {
  readonly component: Component;
  readonly group?: string;
}

export function addAgentsVersions(group: Command, shell: Shell): void {
  const command = group
    .command('versions')
    .description(
      'versions that can be chosen, newest first, for each platform, with the number of agents that run them',
    )
    .option('--group <group>', 'for the platforms of this group, counting its agents')
    .addOption(choice('--component <component>', 'the component', COMPONENTS).default('agent'));
  withExamples(withOutput(withConnection(command)), [
    { does: 'before choosing for the fleet', line: 'moult agents versions' },
    { does: 'before choosing for a group', line: 'moult agents versions --group eu' },
    {
      does: 'the newest for a platform',
      line: `moult agents versions -o json | jq -r '.platforms[] | select(.platform == "linux-x64") | .versions[0].version'`,
    },
  ]).action(
    shell.action<VersionsOptions>(async (run, query) => {
      const client = await run.connect();
      const { component, group: name } = query;
      const answer = await client.listOffers({
        query: { component, group: name },
        signal: run.stop,
      });
      const rows = answer.platforms.flatMap(({ platform, agents, versions }) => {
        const others = versions.reduce((left, one) => left - one.agents, agents);
        const offered = versions.map((one) => ({ platform, ...one }));
        // So that the numbers of a platform add up.
        return others === 0
          ? offered
          : [...offered, { platform, version: '(another)', agents: others, publishedMs: null }];
      });
      run.output.table(
        answer,
        [
          { title: 'PLATFORM', cell: (row) => row.platform || ABSENT },
          { title: 'VERSION', cell: (row) => row.version },
          { title: 'AGENTS', cell: (row) => String(row.agents), align: 'right' },
          { title: 'PUBLISHED', cell: (row) => formatTime(row.publishedMs) },
        ],
        rows,
        'There is nothing to choose: `moult release build`, then `moult release publish`.',
      );
      return EXIT.ok;
    }),
  );
}
