/* A plan in words: who goes in which wave, who does not, what to know before it starts. */
import type { Rollout, RolloutPlan } from '@moult/api';
import { ABSENT } from '../../terminal/format.ts';
import { byFrequency, groupedBy } from '../../terminal/grouped.ts';
import { holdText } from '../../terminal/hold-text.ts';
import { agentsText, namesText } from '../../terminal/names.ts';
import { tableLines } from '../../terminal/table.ts';

export type Plan = RolloutPlan;
type Warning = Rollout['warnings'][number];

/** Beyond this numbers say more than names; `-o json` has them all. */
export const NAMES_SHOWN_MAX = 8;

const WARNING_TEXTS: Readonly<Record<Warning['code'], string>> = {
  'no-way-back':
    'they cannot be brought back by a rollout, the version that they leave is not published any more',
  irreversible:
    'the version before cannot read what this release has written: its agents do not go back by themselves, and hardly by hand',
  'no-launcher':
    'they run without a launcher: once switched they are down until somebody starts them',
  'changed-by-hand':
    'files of the version that they leave were changed by hand; these are kept aside on the host',
  away: 'they are not connected; they are parked when their turn comes, and upgraded when they come',
  'goes-on-after-rollback':
    'it does not halt for agents that are back on a working version: if it fails everywhere, each of them is interrupted once',
  'continues-on-error':
    'it never halts by itself: if the version fails everywhere, the service stops for whole groups, and work can be interrupted',
};

export function planLines(plan: Plan, what: string): readonly string[] {
  const { members, alreadyThere, cannot, warnings, totals } = plan;
  return [
    headText(plan, what),
    ...wavesOf(members).map(
      ({ wave, names }) =>
        `wave ${wave + 1}, ${agentsText(names.length)}: ${namesText(names, NAMES_SHOWN_MAX)}`,
    ),
    ...(alreadyThere.length === 0
      ? []
      : [
          `already there, ${agentsText(alreadyThere.length)}: ${namesText(alreadyThere, NAMES_SHOWN_MAX)}`,
        ]),
    ...cannotLines(cannot),
    ...warningLines(warnings),
    ...(totals.length === 0 ? [] : ['', ...totalLines(totals)]),
  ];
}

/** `agent to 1.4.0: 12 agents go, in 3 waves; 2 are there already, 1 cannot`. */
function headText(plan: Plan, what: string): string {
  const { members, alreadyThere, cannot } = plan;
  const waves = wavesOf(members).length;
  const others = [
    ...(alreadyThere.length === 0 ? [] : [`${alreadyThere.length} there already`]),
    ...(cannot.length === 0 ? [] : [`${cannot.length} cannot`]),
  ];
  const rest = others.length === 0 ? '' : `; ${others.join(', ')}`;
  if (members.length === 0) return `${what}: there is nothing to do${rest}`;
  const go = `${agentsText(members.length)} ${members.length === 1 ? 'goes' : 'go'}`;
  return `${what}: ${go}, in ${waves} ${waves === 1 ? 'wave' : 'waves'}${rest}`;
}

/** Waves that have somebody, first to last, as members come. */
function wavesOf(
  members: Plan['members'],
): readonly { readonly wave: number; readonly names: readonly string[] }[] {
  return groupedBy(members, ({ wave }) => String(wave)).map((list) => ({
    wave: list[0].wave,
    names: list.map(({ agent }) => agent),
  }));
}

/** One line a reason, the most frequent first. */
export function cannotLines(cannot: Rollout['cannot']): readonly string[] {
  return byFrequency(cannot, ({ reason }) => reason).map((list) => {
    const names = list.map(({ agent }) => agent);
    return `cannot, ${agentsText(names.length)}: ${holdText(list[0].reason)}: ${namesText(names, NAMES_SHOWN_MAX)}`;
  });
}

export function warningLines(warnings: readonly Warning[]): readonly string[] {
  return warnings.map(({ code, agents }) => {
    // A newer coordinator may warn of what only it knows.
    const text = Object.hasOwn(WARNING_TEXTS, code) ? WARNING_TEXTS[code] : code;
    if (agents.length === 0) return `warning: ${text}`;
    return `warning, ${agentsText(agents.length)}: ${text}: ${namesText(agents, NAMES_SHOWN_MAX)}`;
  });
}

function totalLines(totals: Plan['totals']): readonly string[] {
  return tableLines(
    [
      { title: 'PLATFORM', cell: ({ platform }) => platform || ABSENT },
      { title: 'FROM', cell: ({ from }) => from ?? ABSENT },
      { title: 'AGENTS', cell: ({ agents }) => String(agents), align: 'right' },
    ],
    totals,
  );
}
