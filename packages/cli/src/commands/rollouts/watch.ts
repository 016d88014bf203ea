/*
 * Follows a rollout to its end. On a terminal the screen shows waves as bars and whoever needs somebody to look, and is
 * redrawn; elsewhere each change of an agent's state is a line. That the coordinator cannot be asked for a while ends nothing.
 */
import type { Rollout } from '@moult/api';
import type { Client } from '@moult/api/client';
import { type MemberState, UNFINISHED } from '@moult/core/rollout';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { askPatiently } from '../../follow/asking.ts';
import type { Run, Shell } from '../../shell.ts';
import { BAR_HELP } from './bar.ts';
import { allMembers, type Member } from './members.ts';
import { isSettled, outcomeOf } from './outcome.ts';
import { statusLines } from './rollout-text.ts';
import { changeLines, frameLines, usualMsOf } from './watch-text.ts';

const ASK_EVERY_MS = 1_000;
/** A screen has no room for more; how many there are the counts say. */
const TROUBLED_MAX = 200;
/** Those that wait are in the line, and nothing of their own holds them. */
const TROUBLED: readonly MemberState[] = UNFINISHED.filter((state) => state !== 'waiting');

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
  const usual = new Usual(run, client);
  // Ends with the rollout or at Ctrl-C: sleeping and asking throw then.
  for (;;) {
    const now = await askPatiently(run, () => observed(run, client, { name, log, usual }));
    if (now !== null && isSettled(now)) return now;
    await run.clock.sleep(ASK_EVERY_MS, run.stop);
  }
}

async function observed(
  run: Run,
  client: Client,
  of: { readonly name: string; readonly log: ChangeLog; readonly usual: Usual },
): Promise<Rollout> {
  const { output, clock, stop } = run;
  const rollout = await client.getRollout({ params: { rollout: of.name }, signal: stop });
  const size = output.frameSize;
  if (size === null) await of.log.tell(rollout);
  else if (!isSettled(rollout)) {
    const members = await troubledOf(client, rollout, stop);
    const usualMs = await of.usual.ms(rollout);
    output.frame(frameLines({ rollout, members, usualMs, size, nowMs: clock.nowMs() }));
  }
  return rollout;
}

/** Of states in which nobody is, nobody is asked. */
async function troubledOf(
  client: Client,
  { id, counts }: Rollout,
  signal: AbortSignal,
): Promise<readonly Member[]> {
  const found: Member[] = [];
  for (const state of TROUBLED) {
    if (counts[state] === 0) continue;
    const query = { state, limit: TROUBLED_MAX };
    const { agents } = await client.listRolloutAgents({ params: { rollout: id }, query, signal });
    found.push(...agents);
  }
  return found;
}

/** How long upgrades of this rollout take; asked again when another one is done. */
class Usual {
  readonly #run: Run;
  readonly #client: Client;
  #done = 0;
  #ms: number | null = null;

  constructor(run: Run, client: Client) {
    this.#run = run;
    this.#client = client;
  }

  async ms({ id, counts }: Rollout): Promise<number | null> {
    if (counts.done === this.#done) return this.#ms;
    const query = { state: 'done', limit: TROUBLED_MAX } as const;
    const asked = { params: { rollout: id }, query, signal: this.#run.stop };
    this.#ms = usualMsOf((await this.#client.listRolloutAgents(asked)).agents);
    this.#done = counts.done;
    return this.#ms;
  }
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
