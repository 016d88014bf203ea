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
  holdReasonOf,
  isEnded,
} from '../src/command/index.ts';

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
  state: 'Up',
  isValidated: true,
  isQuarantined: false,
  isInProbation: false,
  isUpgradeInFlight: false,
  isForced: false,
  isRevert: false,
  hasPlatform: true,
  isLauncherTooOld: false,
  isRefusedHere: false,
  notBeforeMs: 0,
  isTurnTaken: false,
  isRestoredAndNotAdopted: false,
};

describe('C1: what holds a command', () => {
  const cases: readonly [Partial<HoldFacts>, HoldReason | null][] = [
    [{}, null],
    [{ isRestoredAndNotAdopted: true }, 'coordinator-restored'],
    [{ isQuarantined: true }, 'quarantined'],
    [{ isValidated: false }, 'unvalidated'],
    [{ hasPlatform: false }, 'no-platform'],
    [{ hasPlatform: null }, null],
    [{ isLauncherTooOld: true }, 'launcher-too-old'],
    [{ isRefusedHere: true }, 'refused-here'],
    [{ isRefusedHere: true, isForced: true }, null],
    [{ state: 'Down' }, 'agent-down'],
    [{ state: 'Paused' }, 'paused'],
    [{ state: 'Upgrading' }, 'upgrading'],
    [{ state: 'Upgrade Failed' }, 'upgrade-failed'],
    [{ state: 'Upgrade Failed', isForced: true }, null],
    [{ state: 'Upgrade Failed', isRevert: true }, null],
    [{ isInProbation: true }, 'in-probation'],
    [{ isUpgradeInFlight: true }, 'upgrading'],
    [{ notBeforeMs: 11 }, 'retry-backoff'],
    [{ notBeforeMs: 10 }, null],
    [{ notBeforeMs: 11, isForced: true }, null],
    [{ isTurnTaken: true }, 'awaiting-turn'],
    [{ isTurnTaken: true, state: 'Down' }, 'agent-down'],
  ];
  test.each(cases)('%o: %s', (facts, reason) => {
    expect(holdReasonOf({ ...FREE, ...facts }, 10)).toBe(reason);
  });

  test('force frees neither validation, quarantine nor platform (H18)', () => {
    const held = fc.constantFrom<Partial<HoldFacts>>(
      { isValidated: false },
      { isQuarantined: true },
      { hasPlatform: false },
      { isLauncherTooOld: true },
    );
    fc.assert(
      fc.property(held, fc.boolean(), (facts, isRevert) => {
        expect(holdReasonOf({ ...FREE, ...facts, isForced: true, isRevert }, 0)).not.toBeNull();
      }),
    );
  });
});

test('docs/spec/reasons.md is what the list of hold reasons says', async () => {
  const path = fileURLToPath(new URL('../../../docs/spec/reasons.md', import.meta.url));
  // Written anew by `vitest run packages/core -u`.
  await expect(reasonsText()).toMatchFileSnapshot(path);
});

function reasonsText(): string {
  const rows = Object.entries(HOLD_REASONS).map(
    ([name, { text, freedBy, isWaitingForHost }]) =>
      `| \`${name}\` | ${text} | ${freedBy === null ? '' : freedBy.startsWith('moult') ? `\`${freedBy}\`` : freedBy} | ${isWaitingForHost ? 'yes' : ''} |`,
  );
  return [
    '# Hold reasons',
    '',
    'Why a command or an agent is not moving: a closed list (`packages/core/src/command/reasons.ts`, from which this page is made).',
    '',
    '| Reason | Because | Freed by | Shown as *waiting for host* |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
