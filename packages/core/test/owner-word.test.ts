import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeOwnerWord,
  isPostponed,
  NO_WORD,
  type OwnerWord,
  ownerHoldOf,
  ownerMarks,
  POSTPONED_AGAIN_MS,
  POSTPONED_MS_MAX,
  postpone,
  readOwnerWord,
} from '../src/owner-word.ts';

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const SAID = { by: 'ann', why: 'month end' };

function postponed(word: OwnerWord, forMs: number, nowMs: number): OwnerWord {
  const answer = postpone(word, { ...SAID, forMs, nowMs });
  if (answer.kind === 'too-long') throw new Error(`too long: ${answer.untilMs - nowMs}`);
  return answer.word;
}

describe('A8: what holds an order', () => {
  const ORDER = {
    component: 'agent',
    version: '1.1.0',
    isForced: false,
    currentVersion: '1.0.0',
  } as const;

  test.each([
    [[], {}, null],
    [['busy', 'probation'], {}, null],
    [['pinned'], {}, 'pinned'],
    [['pinned', 'postponed', 'host-locked'], {}, 'host-locked'],
    [['postponed', 'pinned'], {}, 'postponed'],
    // The same version anew mends a damaged one; a launcher is no version of the agent.
    [['pinned'], { version: '1.0.0' }, null],
    [['pinned'], { component: 'launcher' }, null],
    [['pinned'], { currentVersion: null }, 'pinned'],
    [['postponed'], { component: 'launcher', version: '1.0.0' }, 'postponed'],
    [['host-locked', 'postponed', 'pinned'], { isForced: true }, null],
  ] as const)('%j, %j: %s', (marks, over, hold) => {
    expect(ownerHoldOf(marks, { ...ORDER, ...over })).toBe(hold);
  });
});

describe('A10: a postponement', () => {
  test('holds until its end, and not a moment longer', () => {
    const word = postponed(NO_WORD, HOUR_MS, NOW);
    const marksAt = (nowMs: number) => ownerMarks({ word, isLocked: false, nowMs });
    expect(marksAt(NOW)).toEqual(['postponed']);
    expect(marksAt(NOW + HOUR_MS - 1)).toEqual(['postponed']);
    expect(marksAt(NOW + HOUR_MS)).toEqual([]);
  });

  test('is ended by a new word, and a clock that was set back makes it no longer', () => {
    expect(isPostponed(postponed(postponed(NO_WORD, HOUR_MS, NOW), 0, NOW + 1), NOW + 1)).toBe(
      false,
    );
    const word = postponed(NO_WORD, POSTPONED_MS_MAX, NOW);
    expect(isPostponed(word, NOW)).toBe(true);
    expect(isPostponed(word, NOW - 1)).toBe(false);
  });

  test('said again and again it ends all the same', () => {
    const waits = fc.array(fc.integer({ min: 0, max: 3 * POSTPONED_AGAIN_MS }), { maxLength: 40 });
    const lengths = fc.array(fc.integer({ min: 0, max: POSTPONED_MS_MAX }), { maxLength: 40 });
    fc.assert(
      fc.property(waits, lengths, (gaps, forMs) => {
        let word = NO_WORD;
        let nowMs = NOW;
        // Since when nobody has upgraded this host, but for a day's room in between.
        let fromMs: number | null = null;
        let untilMs = 0;
        for (const [index, gapMs] of gaps.entries()) {
          nowMs += gapMs;
          const answer = postpone(word, { ...SAID, forMs: forMs[index] ?? HOUR_MS, nowMs });
          if (answer.kind === 'too-long') {
            expect(isPostponed(word, answer.untilMs)).toBe(false);
            continue;
          }
          word = answer.word;
          if (fromMs === null || nowMs >= untilMs + POSTPONED_AGAIN_MS) fromMs = nowMs;
          untilMs = word.postponement?.untilMs ?? 0;
          expect(untilMs - fromMs).toBeLessThanOrEqual(Math.max(POSTPONED_MS_MAX, nowMs - fromMs));
        }
      }),
    );
  });
});

describe('A9: what is kept of it', () => {
  test('is read as it was written, with what other versions keep beside it', () => {
    const word: OwnerWord = {
      pin: { ...SAID, version: '1.0.0', sinceMs: NOW },
      postponement: { ...SAID, fromMs: NOW, untilMs: NOW + HOUR_MS },
    };
    const text = encodeOwnerWord(word, '{"ofTheFuture": {"a": 1}}');
    expect(readOwnerWord(text)).toEqual(word);
    expect(JSON.parse(text)).toMatchObject({ ofTheFuture: { a: 1 } });
    expect(readOwnerWord(null)).toEqual(NO_WORD);
    expect(readOwnerWord('{}')).toEqual(NO_WORD);
  });

  test.each(['', 'pin', '[]', '{"pin": true}', '{"pin": {"version": 1}}', '{"postponement": {}}'])(
    'is not guessed at: %j',
    (text) => {
      expect(readOwnerWord(text)).toBeNull();
    },
  );
});
