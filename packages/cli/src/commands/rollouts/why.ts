import type { MemberState } from '@moult/core/rollout';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { allMembers, type Member } from './members.ts';
import { whyLines } from './why-text.ts';

/** All but those that have the version, or whom a person left out. */
const NOT_DONE: readonly MemberState[] = [
  'failed',
  'rolled-back',
  'upgrading',
  'waiting',
  'parked',
];

export function addRolloutsWhy(group: Command, shell: Shell): void {
  const command = group
    .command('why')
    .description(
      'what a rollout waits for, who failed or does not move yet, and what would free them',
    )
    .argument('<rollout>', 'its name or id');
  withExamples(withOutput(withConnection(command)), [
    { does: 'one rollout', line: 'moult rollouts why spring' },
    {
      does: 'names of the agents that failed',
      line: `moult rollouts why spring -o json | jq -r '.agents[] | select(.state == "failed") | .agent'`,
    },
  ]).action(
    shell.action<object, [string]>(async (run, _options, [name]) => {
      const client = await run.connect();
      const rollout = await client.getRollout({ params: { rollout: name }, signal: run.stop });
      const agents: Member[] = [];
      for (const state of NOT_DONE)
        agents.push(...(await allMembers(client, { rollout: rollout.id, state }, run.stop)));
      run.output.result({ rollout, agents }, () => whyLines(rollout, agents, run.clock.nowMs()));
      return EXIT.ok;
    }),
  );
}
