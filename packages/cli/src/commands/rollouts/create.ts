import type { Rollout } from '@moult/api';
import type { Client } from '@moult/api/client';
import { type Command, Option } from 'commander';
import { nameOf, timeOf, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { newKey, ordering } from '../../ordering.ts';
import type { Run, Shell } from '../../shell.ts';
import { pointingAt } from '../../targets.ts';
import { formatTime } from '../../terminal/format.ts';
import { agentsText } from '../../terminal/names.ts';
import { type AskedOptions, askedOf, withAsked } from './asked.ts';
import { sizeOf } from './bar.ts';
import { cannotLines, warningLines } from './plan-text.ts';
import { specText } from './rollout-text.ts';

interface CreateOptions extends AskedOptions {
  readonly name?: string;
  readonly why?: string;
  readonly start?: boolean;
  readonly draft?: boolean;
  readonly at?: number;
  readonly key?: string;
}

export function addRolloutsCreate(group: Command, shell: Shell): void {
  const command = withAsked(
    group.command('create').description('make a rollout and plan it; it waits to be started'),
  )
    .option('--name <name>', 'unlike any other rollout’s; without it one is made', nameOf)
    .option('-m, --why <text>', 'kept in the history')
    .option('--start', 'start it at once')
    .addOption(
      new Option(
        '--draft',
        'keep it as it was asked for; nobody is looked at until it is planned',
      ).conflicts(['start']),
    )
    .addOption(
      new Option('--at <time>', 'it starts by itself then, planned anew (2026-12-01T02:00Z)')
        .argParser(timeOf)
        .conflicts(['start']),
    )
    .option('--key <key>', 'the same key makes no second rollout');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'a canary, a tenth, the rest; each good for ten minutes first',
      line: 'moult rollouts create "group=eu" --to 1.4.0 --waves 1,10%,rest --soak 10m --why "change 42"',
    },
    {
      does: 'at once, under a name of its own',
      line: 'moult rollouts create "agent=*" --to 1.4.0 --name spring --start',
    },
    {
      does: 'halt once more than 5% of at least 20 have failed',
      line: 'moult rollouts create "agent=*" --to 1.4.0 --max-failed-share 5% --min-sample 20',
    },
    {
      does: 'at night, looked at by somebody else before',
      line: 'moult rollouts create "group=eu" --to 1.4.0 --at 2026-12-01T02:00Z --second-principal',
    },
    {
      does: 'a person opens each wave',
      line: 'moult rollouts create "agent=*" --to 1.4.0 --waves 5%,rest --approval',
    },
  ]).action(
    shell.action<CreateOptions, [string[]]>(async (run, options, [given]) => {
      const { name, why, draft: isDraft, at: startsMs } = options;
      const key = options.key ?? newKey(run);
      const body = { ...askedOf(given, options), name, why, isDraft, startsMs, key };
      const client = await run.connect();
      const made = await ordering(run, key, () =>
        pointingAt(run, body, () => client.createRollout({ body, signal: run.stop })),
      );
      const rollout = options.start === true ? await started(run, client, made, why) : made;
      run.output.result(rollout, () => createdLines(rollout));
      return EXIT.ok;
    }),
  );
}

/** It is there all the same where its start is refused. */
export async function started(
  run: Run,
  client: Client,
  { id, name }: Rollout,
  why: string | undefined,
): Promise<Rollout> {
  try {
    return await client.startRollout({ params: { rollout: id }, body: { why }, signal: run.stop });
  } catch (caught) {
    run.output.notice(`${name} is made, and not started.`);
    throw caught;
  }
}

export function createdLines(rollout: Rollout): readonly string[] {
  const { name, component, version, counts, waves, alreadyThere, state } = rollout;
  const size = sizeOf(counts);
  const others = [
    ...(alreadyThere === 0 ? [] : [`${alreadyThere} there already`]),
    ...(rollout.cannot.length === 0 ? [] : [`${rollout.cannot.length} cannot`]),
  ];
  const who =
    state === 'draft'
      ? `for ${rollout.select ?? 'agents by name'}, not planned yet`
      : `for ${agentsText(size)} in ${waves.length} ${waves.length === 1 ? 'wave' : 'waves'}`;
  return [
    `${name}: ${state}: ${component} ${version} ${who}${others.length === 0 ? '' : `; ${others.join(', ')}`}`,
    `  ${specText(rollout.spec)}`,
    ...cannotLines(rollout.cannot),
    ...warningLines(rollout.warnings),
    `next: ${nextOf(rollout)}`,
  ];
}

export function nextOf({ name, state, waitsFor, startsMs }: Rollout): string {
  if (state === 'draft') return `moult rollouts plan ${name}`;
  if (state !== 'pending') return `moult rollouts watch ${name}`;
  if (waitsFor?.reason === 'awaiting-approval')
    return `somebody else looks at it and says: moult rollouts approve ${name}`;
  return startsMs === null
    ? `moult rollouts start ${name}`
    : `it starts by itself at ${formatTime(startsMs)}`;
}
