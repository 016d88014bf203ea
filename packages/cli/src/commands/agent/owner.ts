/* P6: the word of the host's owner. */
import type { OwnersSay } from '@moult/agent/owner';
import { POSTPONED_MS_MAX } from '@moult/core/owner-word';
import type { Command } from 'commander';
import { durationMs, type Example, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Run, Shell } from '../../shell.ts';
import { formatTime } from '../../terminal/format.ts';
import { type AskingOptions, asked, saidBy } from './asking.ts';

export function addAgentPin(group: Command, shell: Shell): void {
  const command = ownerCommand(group, {
    name: 'pin',
    does: 'keep the version of the agent that runs on this host: no upgrade, unless an operator forces it',
    examples: [{ does: 'until further notice', line: 'moult agent pin --why "audit until March"' }],
  });
  command.action(
    shell.action<AskingOptions>(async (run, options) => {
      return shown(run, await asked(run, options, { ask: 'pin', ...saidBy(run, options) }));
    }),
  );
}

export function addAgentUnpin(group: Command, shell: Shell): void {
  const command = ownerCommand(group, {
    name: 'unpin',
    does: 'let this host be upgraded again; what waits goes on at once',
    examples: [{ does: 'this host', line: 'moult agent unpin' }],
  });
  command.action(
    shell.action<AskingOptions>(async (run, options) => {
      return shown(run, await asked(run, options, { ask: 'unpin', ...saidBy(run, options) }));
    }),
  );
}

export function addAgentPostpone(group: Command, shell: Shell): void {
  const days = POSTPONED_MS_MAX / 86_400_000;
  const command = ownerCommand(group, {
    name: 'postpone',
    does: `no upgrade of this host for so long, ${days} days in all at most`,
    examples: [
      { does: 'over the night', line: 'moult agent postpone 12h --why "month-end run"' },
      { does: 'no longer', line: 'moult agent postpone 0' },
    ],
  }).argument('<time>', 'such as 90m, 12h or 2d; 0 ends it', (text) =>
    text === '0' ? 0 : durationMs(text),
  );
  command.action(
    shell.action<AskingOptions, [number]>(async (run, options, [forMs]) => {
      const ask = { ask: 'postpone', forMs, ...saidBy(run, options) } as const;
      return shown(run, await asked(run, options, ask));
    }),
  );
}

function ownerCommand(
  group: Command,
  about: { readonly name: string; readonly does: string; readonly examples: readonly Example[] },
): Command {
  const command = group
    .command(about.name)
    .description(about.does)
    .option('-m, --why <text>', 'for whoever looks after the fleet')
    .option('--root <dir>', 'the instance lives under this directory (MOULT_ROOT)');
  return withExamples(withOutput(command), about.examples);
}

function shown(run: Run, answer: unknown): number {
  const say = answer as OwnersSay;
  run.output.result(say, () => linesOf(say));
  return EXIT.ok;
}

function linesOf(say: OwnersSay): readonly string[] {
  if (say.marks.length === 0) return ['Nothing holds upgrades of this host.'];
  return say.marks.map((mark) => heldText(say, mark));
}

/** What holds upgrades, who said so, and what undoes it. */
export function heldText(say: OwnersSay, mark: OwnersSay['marks'][number]): string {
  const { pin, postponement, locks } = say;
  switch (mark) {
    case 'pinned':
      return `the agent stays on ${pin?.version ?? 'its version'}${saidText(pin)}; undo: moult agent unpin`;
    case 'postponed':
      return `no upgrade before ${formatTime(postponement?.untilMs ?? null)}${saidText(postponement)}; undo: moult agent postpone 0`;
    case 'host-locked':
      return `no upgrade while these lock files are there: ${locks.join(', ')}`;
  }
}

function saidText(said: { readonly by: string; readonly why: string } | null): string {
  const { by, why } = said ?? { by: '', why: '' };
  return [by === '' ? '' : ` (${by})`, why === '' ? '' : `: ${why}`].join('');
}
