import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  COMMAND_TRANSITIONS,
  type CommandEvent,
  type CommandState,
  commandAfter,
  HOLD_REASONS,
  type HoldFacts,
  type HoldReason,
  type HoldReasonText,
  holdReasonOf,
  isEnded,
  knowsPace,
  NO_UPGRADE_FACTS,
  type RepairFacts,
  type RepairVerdict,
  repairVerdict,
  type UpgradeFacts,
} from '../src/command/index.ts';
import type { Pace } from '../src/upgrade/index.ts';

const SPEC = readFileSync(
  fileURLToPath(new URL('../../../docs/spec/command.md', import.meta.url)),
  'utf8',
);
const EVENTS: readonly CommandEvent[] = [
  'sent',
  'lapsed',
  'accepted',
  'progressed',
  'finished-well',
  'finished-badly',
  'skipped',
  'revoked',
  'outlived',
  'vanished',
];

/** The table of the document, written by hand: what code and document say must be one thing. */
const CELLS = SPEC.split('\n')
  .filter((line) => /^\| (queued|sent|accepted|running|succeeded|skipped)/.test(line))
  .flatMap((line) => {
    const [names = '', ...cells] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    return names.split(', ').flatMap((state) =>
      cells.map((cell, index) => ({
        state: state as CommandState,
        event: EVENTS[index] ?? 'sent',
        after: (cell === '·' ? state : cell) as CommandState,
      })),
    );
  });

describe('C2: the table of commands', () => {
  test('is written down whole', () => {
    expect(CELLS).toHaveLength(Object.keys(COMMAND_TRANSITIONS).length * EVENTS.length);
  });

  test.each(CELLS)('$state, $event: $after', ({ state, event, after }) => {
    expect(commandAfter(state, event)).toBe(after);
  });

  test('C15: whatever happens, an ended command ends no other way but as done', () => {
    const events = fc.array(fc.constantFrom(...EVENTS), { maxLength: 30 });
    fc.assert(
      fc.property(events, (happened) => {
        let state: CommandState = 'queued';
        for (const event of happened) {
          const after = commandAfter(state, event);
          if (isEnded(state) && after !== state) {
            expect([event, after]).toEqual(['finished-well', 'succeeded']);
            expect(state).not.toBe('failed');
          }
          state = after;
        }
      }),
    );
  });
});

const FREE: HoldFacts = {
  kind: 'autoUpgrade',
  state: 'Up',
  isValidated: true,
  isQuarantined: false,
  isInProbation: false,
  isCapable: true,
  isRestoredAndNotAdopted: false,
  isUpgradeInFlight: false,
  isUpgradeFirst: false,
  upgrade: { ...NO_UPGRADE_FACTS, hasPlatform: true },
};

type SomeFacts = Partial<Omit<HoldFacts, 'upgrade'>> & {
  readonly upgrade?: Partial<UpgradeFacts>;
};

function factsOf(some: SomeFacts): HoldFacts {
  return { ...FREE, ...some, upgrade: { ...FREE.upgrade, ...some.upgrade } };
}

describe('C1: what holds a command', () => {
  const cases: readonly [SomeFacts, HoldReason | null][] = [
    [{}, null],
    [{ isRestoredAndNotAdopted: true }, 'coordinator-restored'],
    [{ isQuarantined: true }, 'quarantined'],
    [{ isValidated: false }, 'unvalidated'],
    [{ isCapable: false }, 'manual-upgrade-required'],
    [{ isCapable: null }, null],
    [{ upgrade: { hasPlatform: false } }, 'no-platform'],
    [{ upgrade: { hasPlatform: null } }, null],
    [{ upgrade: { isPaceKnown: false } }, 'pace-unknown'],
    [{ upgrade: { isPaceKnown: false, isForced: true } }, 'pace-unknown'],
    [{ upgrade: { isPaceKnown: null } }, null],
    [{ upgrade: { isLauncherTooOld: true } }, 'launcher-too-old'],
    [{ upgrade: { isRefusedHere: true } }, 'refused-here'],
    [{ upgrade: { isRefusedHere: true, isForced: true } }, null],
    [{ state: 'Down' }, 'agent-down'],
    [{ state: 'Paused' }, 'paused'],
    [{ state: 'Paused', upgrade: { isForced: true } }, 'paused'],
    [{ state: 'Upgrading' }, 'upgrading'],
    [{ state: 'Upgrade Failed' }, 'upgrade-failed'],
    [{ state: 'Upgrade Failed', upgrade: { isForced: true } }, null],
    [{ state: 'Upgrade Failed', upgrade: { isRevert: true } }, null],
    [{ isInProbation: true }, 'in-probation'],
    [{ isUpgradeInFlight: true }, 'upgrading'],
    [{ upgrade: { isInMaintenance: true } }, 'coordinator-upgrading'],
    [{ upgrade: { isInMaintenance: true, isForced: true } }, 'coordinator-upgrading'],
    [{ state: 'Down', upgrade: { isInMaintenance: true } }, 'agent-down'],
    [{ upgrade: { notBeforeMs: 11 } }, 'retry-backoff'],
    [{ upgrade: { notBeforeMs: 10 } }, null],
    [{ upgrade: { notBeforeMs: 11, isForced: true } }, null],
    [{ upgrade: { isTurnTaken: true } }, 'awaiting-turn'],
    [{ upgrade: { isTurnTaken: true }, state: 'Down' }, 'agent-down'],
    [{ kind: 'pause' }, null],
    [{ kind: 'pause', state: 'Upgrading' }, 'upgrading'],
    [{ kind: 'pause', state: 'Down' }, 'agent-down'],
    [{ kind: 'pause', isUpgradeInFlight: true }, null],
    [{ kind: 'resume', state: 'Paused' }, null],
    [{ kind: 'resume', state: 'Paused', isInProbation: true }, 'in-probation'],
    [{ kind: 'restart', isInProbation: true }, 'in-probation'],
    [{ kind: 'clear', state: 'Upgrade Failed' }, null],
    [{ kind: 'clear', isCapable: false }, 'manual-upgrade-required'],
  ];
  test.each(cases)('%o: %s', (some, reason) => {
    expect(holdReasonOf(factsOf(some), 10)).toBe(reason);
  });

  const paces: readonly [readonly string[] | null, Pace, boolean | null][] = [
    [[], 'now', true],
    [null, 'now', true],
    [['auto-upgrade'], 'fetch-only', false],
    [['fetch-only'], 'fetch-only', true],
    [['fetch-only'], 'soft', false],
    [null, 'soft', null],
  ];
  test.each(paces)('C25: of an agent that declared %j, %s is known: %s', (declared, pace, is) => {
    expect(knowsPace(declared, pace)).toBe(is);
  });

  test('C17: an upgrade that is due goes before every other command (H9)', () => {
    expect(holdReasonOf(factsOf({ kind: 'pause', isUpgradeFirst: true }), 0)).toBe('upgrading');
    expect(holdReasonOf(factsOf({ isUpgradeFirst: true }), 0)).toBeNull();
  });

  test('force frees neither validation, quarantine nor platform (H18)', () => {
    const held = fc.constantFrom<SomeFacts>(
      { isValidated: false },
      { isQuarantined: true },
      { isCapable: false },
      { upgrade: { hasPlatform: false } },
      { upgrade: { isLauncherTooOld: true } },
    );
    fc.assert(
      fc.property(held, fc.boolean(), (some, isRevert) => {
        const upgrade = { ...some.upgrade, isForced: true, isRevert };
        expect(holdReasonOf(factsOf({ ...some, upgrade }), 0)).not.toBeNull();
      }),
    );
  });
});

describe('C18: what was given is brought back twice, and never over a refusal (R12)', () => {
  const shown: RepairFacts = {
    givenDigest: 'a',
    shownDigest: 'b',
    isStillDesired: true,
    isUpgradeOpen: false,
    isRefusedHere: false,
    repairs: 0,
  };
  const cases: readonly [Partial<RepairFacts>, RepairVerdict][] = [
    [{}, 'repair'],
    [{ repairs: 1 }, 'repair'],
    [{ repairs: 2 }, 'repair-exhausted'],
    [{ shownDigest: 'a' }, 'nothing-to-repair'],
    [{ givenDigest: null }, 'nothing-to-repair'],
    [{ shownDigest: null }, 'nothing-to-repair'],
    [{ shownDigest: '' }, 'nothing-to-repair'],
    [{ isStillDesired: false }, 'nothing-to-repair'],
    [{ isUpgradeOpen: true }, 'nothing-to-repair'],
    [{ isRefusedHere: true }, 'refused-here'],
    [{ isRefusedHere: true, repairs: 2 }, 'refused-here'],
  ];
  test.each(cases)('%o: %s', (facts, verdict) => {
    expect(repairVerdict({ ...shown, ...facts })).toBe(verdict);
  });
});

test('docs/spec/reasons.md is what the list of hold reasons says', async () => {
  const path = fileURLToPath(new URL('../../../docs/spec/reasons.md', import.meta.url));
  // Written anew by `vitest run packages/core -u`.
  await expect(reasonsText()).toMatchFileSnapshot(path);
});

function freedText({ freedBy, freedWhere }: HoldReasonText): string {
  if (freedBy === null) return '';
  const command = freedBy.startsWith('moult') ? `\`${freedBy}\`` : freedBy;
  return freedWhere === undefined ? command : `${command} (${freedWhere})`;
}

function reasonsText(): string {
  const rows = Object.entries(HOLD_REASONS).map(
    ([name, reason]: [string, HoldReasonText]) =>
      `| \`${name}\` | ${reason.text} | ${freedText(reason)} | ${reason.isWaitingForHost ? 'yes' : ''} |`,
  );
  return [
    '# Hold reasons',
    '',
    'Why a command or an agent is not moving: a closed list (`packages/core/src/command/reasons.ts`, from which this page is made).',
    '',
    'Exactly one is said of each component that does not run what it should, with what of it concerns this agent. What a person took',
    'back, by `skip`, `revoke` or another order, does not come back by itself: that is `taken-back`, and not a try that is due later.',
    '',
    '| Reason | Because | Freed by | Shown as *waiting for host* |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
