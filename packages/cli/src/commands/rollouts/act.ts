/* `rollouts pause|resume|approve`: the same request with three names. */
import type { Rollout } from '@moult/api';
import type { Client } from '@moult/api/client';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { countsText } from './bar.ts';
import { stateText, waitText } from './rollout-text.ts';

interface ActOptions {
  readonly why?: string;
}

export const ACTS = ['pause', 'resume', 'approve'] as const;
type Act = (typeof ACTS)[number];

const TEXTS: Readonly<Record<Act, string>> = {
  pause: 'start nobody more; whoever has permission for the switch finishes',
  resume: 'go on after a pause or a halt: failures so far do not halt it again',
  approve:
    'let start what needs a second principal; of one that runs: open the next wave, whatever its gate says',
};

const ROUTES: Readonly<
  Record<Act, 'startRollout' | 'pauseRollout' | 'resumeRollout' | 'approveRollout'>
> = {
  pause: 'pauseRollout',
  resume: 'resumeRollout',
  approve: 'approveRollout',
};

export function addRolloutsAct(group: Command, shell: Shell, act: Act): void {
  const command = group
    .command(act)
    .description(TEXTS[act])
    .argument('<rollout>', 'its name or id')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'one of them', line: `moult rollouts ${act} spring --why "change 42"` },
  ]).action(
    shell.action<ActOptions, [string]>(async (run, { why }, [name]) => {
      const client: Pick<Client, (typeof ROUTES)[Act]> = await run.connect();
      const request = { params: { rollout: name }, body: { why }, signal: run.stop };
      const rollout = await client[ROUTES[act]](request);
      run.output.result(rollout, () => [nowText(rollout, run.clock.nowMs())]);
      return EXIT.ok;
    }),
  );
}

/** `spring: paused (3 done, 1 upgrading, 8 waiting)`. */
export function nowText(rollout: Rollout, nowMs: number): string {
  const waits = ['running', 'pending'].includes(rollout.state) ? waitText(rollout, nowMs) : null;
  const waiting = waits === null ? '' : `, waits for: ${waits}`;
  return `${rollout.name}: ${stateText(rollout)} (${countsText(rollout.counts)})${waiting}`;
}
