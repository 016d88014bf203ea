import type { Choice, ChoiceRollout, Command as OrderedCommand } from '@moult/api';
import type { Client } from '@moult/api/client';
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { Command } from 'commander';
import { choice, versionOf, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Run, Shell } from '../../shell.ts';
import { formatTime } from '../../terminal/format.ts';
import { agentsText } from '../../terminal/names.ts';

interface DesiredOptions {
  readonly component: Component;
  readonly fleet?: boolean;
  readonly group?: string;
  readonly to?: string;
  readonly unset?: boolean;
  readonly why?: string;
}

/** Of 1,000 choices each: more than one for every agent that a coordinator serves. */
const PAGES_MAX = 100;
const SCOPES = ['fleet', 'group', 'agent'] as const;

export function addAgentsDesired(group: Command, shell: Shell): void {
  const command = group
    .command('desired')
    .description(
      'show or choose desired versions: an agent’s choice goes before its group’s, that before the fleet’s; a choice for a group or the fleet makes a rollout, which starts at once',
    )
    .argument('[agent]', 'the agent; without one, every choice that stands')
    .option('--to <version>', 'choose this version', versionOf)
    .option('--unset', 'take the choice back: what is chosen farther away holds again')
    .option('--fleet', 'choose for the fleet')
    .option('--group <group>', 'show or choose for this group')
    .addOption(choice('--component <component>', 'the component', COMPONENTS).default('agent'))
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'what is chosen, for whom and by whom', line: 'moult agents desired' },
    { does: 'what can be chosen', line: 'moult agents versions' },
    { does: 'the whole fleet', line: 'moult agents desired --fleet --to 1.4.0 --why "quarterly"' },
    { does: 'one group', line: 'moult agents desired --group eu --to 1.4.1' },
    { does: 'one agent', line: 'moult agents desired web-1 --to 1.4.1' },
    { does: 'follow group and fleet again', line: 'moult agents desired web-1 --unset' },
  ]).action(
    shell.action<DesiredOptions, [string | undefined]>(async (run, options, [agent]) => {
      const client = await run.connect();
      if (options.to !== undefined || options.unset === true) {
        await choose(run, client, { ...options, agent });
      } else if (agent !== undefined) await showAgent(run, client, agent);
      else await showChoices(run, client, options.group);
      return EXIT.ok;
    }),
  );
}

async function showAgent(run: Run, client: Client, name: string): Promise<void> {
  const agent = await client.getAgent({ params: { name }, signal: run.stop });
  const rows = agent.components.flatMap(({ component, desired }) =>
    desired === null ? [] : [{ component, ...desired }],
  );
  run.output.table(
    agent,
    [
      { title: 'COMPONENT', cell: (row) => row.component },
      { title: 'DESIRED', cell: (row) => row.version },
      { title: 'FROM', cell: (row) => row.from },
    ],
    rows,
    'No version is wanted for this agent.',
  );
}

async function showChoices(run: Run, client: Client, group: string | undefined): Promise<void> {
  const choices = await allChoices(run, client, group);
  run.output.table(
    { choices, next: null },
    [
      { title: 'FOR', cell: forText },
      { title: 'COMPONENT', cell: (row) => row.component },
      { title: 'DESIRED', cell: (row) => row.version },
      { title: 'AGENTS', cell: (row) => String(row.agents), align: 'right' },
      { title: 'SINCE', cell: (row) => formatTime(row.atMs) },
      { title: 'BY', cell: (row) => row.by },
      { title: 'WHY', cell: (row) => row.why },
    ],
    choices,
    'No version is chosen: `moult agents versions` shows what can be.',
  );
}

/** The fleet's before groups' before agents', as they are overridden. */
async function allChoices(
  run: Run,
  client: Client,
  group: string | undefined,
): Promise<readonly Choice[]> {
  const choices: Choice[] = [];
  let before: number | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await client.listChoices({ query: { group, before }, signal: run.stop });
    choices.push(...answer.choices);
    if (answer.next === null) break;
    before = answer.next;
  }
  const keyOf = (one: Choice) => `${SCOPES.indexOf(one.scope)} ${one.subject} ${one.component}`;
  return choices.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function forText({ scope, subject }: Choice): string {
  return scope === 'fleet' ? 'the fleet' : `${scope} ${subject}`;
}

async function choose(
  run: Run,
  client: Client,
  wanted: DesiredOptions & { readonly agent: string | undefined },
): Promise<void> {
  const { agent, group, component, why } = wanted;
  if (wanted.to !== undefined && wanted.unset)
    throw new CodedError('usage', '--to and --unset exclude each other');
  const named = [agent, group, wanted.fleet].filter((one) => one !== undefined);
  if (named.length !== 1) {
    throw new CodedError('usage', 'name one agent, or give --group GROUP, or --fleet');
  }
  const body = { version: wanted.to ?? null, why };
  const answer = await setDesired(client, { agent, group, component, body, signal: run.stop });
  const whom = agent ?? (group === undefined ? 'the fleet' : `group ${group}`);
  run.output.result(answer, () => [
    `${whom}: ${component} ${body.version === null ? 'choice taken back' : `desired ${body.version}`}`,
    ...(answer.rollout === null ? [] : rolloutLines(answer.rollout)),
    ...answer.commands.map(orderedText),
  ]);
}

function setDesired(
  client: Client,
  of: {
    readonly agent: string | undefined;
    readonly group: string | undefined;
    readonly component: Component;
    readonly body: { readonly version: string | null; readonly why: string | undefined };
    readonly signal: AbortSignal;
  },
): Promise<{
  readonly commands: readonly OrderedCommand[];
  readonly rollout: ChoiceRollout | null;
}> {
  const { agent: name, group, component, body, signal } = of;
  if (name !== undefined) {
    return client.setAgentDesired({ params: { name, component }, body, signal });
  }
  if (group !== undefined) {
    return client.setGroupDesired({ params: { group, component }, body, signal });
  }
  return client.setFleetDesired({ params: { component }, body, signal });
}

function rolloutLines({ name, state, agents, waves }: ChoiceRollout): readonly string[] {
  const inWaves = `${agentsText(agents)} in ${waves} ${waves === 1 ? 'wave' : 'waves'}`;
  const next =
    state === 'pending'
      ? `start it: moult rollouts start ${name}`
      : `watch it: moult rollouts watch ${name}`;
  return [`rollout ${name}: ${state}, ${inWaves}`, next];
}

function orderedText(command: OrderedCommand): string {
  const held = command.holdReason === null ? '' : ` (${command.holdReason})`;
  return `${command.agent}: command ${command.id} ${command.state}${held}`;
}
