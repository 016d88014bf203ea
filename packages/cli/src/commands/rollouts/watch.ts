/*
 * Follows a rollout to its end. On a terminal the screen shows waves as bars and whoever needs somebody to look, and is
 * redrawn; elsewhere each change of an agent's state is a line. That the coordinator cannot be asked for a while ends nothing.
 */
import type { Rollout } from '@moult/api';
import type { Client } from '@moult/api/client';
import type { MemberState } from '@moult/core/rollout';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { askPatiently } from '../../follow/asking.ts';
import type { Run, Shell } from '../../shell.ts';
import { BAR_HELP } from './bar.ts';
import { allMembers, type Member } from './members.ts';
import { isSettled, outcomeOf } from './outcome.ts';
import { statusLines } from './rollout-text.ts';
import { changeLines, frameLines } from './watch-text.ts';

const ASK_EVERY_MS = 1_000;
/** A screen has no room for more; how many there are the counts say. */
const TROUBLED_MAX = 200;
const TROUBLED: readonly MemberState[] = [
  'failed',
  'rolled-back',
  'upgrading',
  'waiting',
  'parked',
];

export function addRolloutsWatch(group: Command, shell: Shell): void {
  const command = group
    .command('watch')
    .description('follow a rollout until it has ended or halted, with the exit codes of status')
    .argument('<rollout>', 'its name or id')
    .addHelpText('after', BAR_HELP);
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'on a terminal: waves, failures, and who is held',
      line: 'moult rollouts watch spring',
    },
    {
      does: 'into a log: a line for each change',
      line: 'moult rollouts watch spring 2> rollout.log',
    },
  ]).action(
    shell.action<object, [string]>(async (run, _options, [name]) => {
      const client = await run.connect();
      const end = await watched(run, client, name);
      run.output.frame([]);
      run.output.result(end, () => statusLines(end, run.clock.nowMs()));
      return outcomeOf(end);
    }),
  );
}

async function watched(run: Run, client: Client, name: string): Promise<Rollout> {
  const log = new ChangeLog(run, client);
  // Ends with the rollout or at Ctrl-C: sleeping and asking throw then.
  for (;;) {
    const now = await askPatiently(run, () => observed(run, client, name, log));
    if (now !== null && isSettled(now)) return now;
    await run.clock.sleep(ASK_EVERY_MS, run.stop);
  }
}

async function observed(run: Run, client: Client, name: string, log: ChangeLog): Promise<Rollout> {
  const { output, clock, stop } = run;
  const rollout = await client.getRollout({ params: { rollout: name }, signal: stop });
  const size = output.frameSize;
  if (size === null) await log.tell(rollout);
  else if (!isSettled(rollout)) {
    const members = await troubledOf(client, rollout.id, stop);
    output.frame(frameLines({ rollout, members, size, nowMs: clock.nowMs() }));
  }
  return rollout;
}

async function troubledOf(
  client: Client,
  rollout: string,
  signal: AbortSignal,
): Promise<readonly Member[]> {
  const found: Member[] = [];
  for (const state of TROUBLED) {
    const query = { state, limit: TROUBLED_MAX };
    const { agents } = await client.listRolloutAgents({ params: { rollout }, query, signal });
    found.push(...agents);
  }
  return found;
}

/** Changes of agents' states, each told once. */
class ChangeLog {
  readonly #run: Run;
  readonly #client: Client;
  /** States by place: redundant instances share a name. */
  #told: ReadonlyMap<number, string> = new Map();
  /** Where the counts are as they were nobody is asked: an agent that changes changes them. */
  #counts = '';

  constructor(run: Run, client: Client) {
    this.#run = run;
    this.#client = client;
  }

  async tell({ id, counts }: Rollout): Promise<void> {
    const now = JSON.stringify(counts);
    if (now === this.#counts) return;
    const members = await allMembers(this.#client, { rollout: id }, this.#run.stop);
    for (const line of changeLines(this.#told, members)) this.#run.output.notice(line);
    this.#told = new Map(members.map(({ place, state }) => [place, state]));
    this.#counts = now;
  }
}
