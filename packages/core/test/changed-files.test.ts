import { expect, test } from 'vitest';
import {
  type ChangedFile,
  type ChangeKind,
  changesText,
  fallbackCare,
  keepingName,
  NO_CHANGES,
} from '../src/changed-files.ts';

function changes(...hows: readonly ChangeKind[]) {
  const files = hows.map(
    (how, index): ChangedFile => ({
      path: `lib/${index}`,
      how,
      sha256: null,
      bytes: 1,
      modifiedMs: 1,
    }),
  );
  return { files, count: files.length };
}

test('H16: people read the first three, and how many more there are', () => {
  expect(changesText(changes('changed'))).toBe('lib/0 (changed)');
  expect(changesText(changes('changed', 'added', 'removed'))).toBe(
    'lib/0 (changed), lib/1 (added), lib/2 (removed)',
  );
  expect(changesText({ ...changes('mode', 'added', 'added', 'added'), count: 230 })).toBe(
    'lib/0 (mode), lib/1 (added), lib/2 (added) and 227 more',
  );
});

test('U22: what a failed trial falls back to is made whole first where that can be, and is no fallback where it cannot', () => {
  const care = (of: typeof NO_CHANGES, canStageAnew: boolean) =>
    fallbackCare({ changes: of, canStageAnew });
  for (const canStageAnew of [true, false]) {
    expect(care(NO_CHANGES, canStageAnew)).toBe('sound');
    expect(care(changes('added', 'added'), canStageAnew)).toBe('whole');
  }
  for (const how of ['changed', 'removed', 'mode'] as const) {
    expect(care(changes('added', how), true)).toBe('stage-anew');
    expect(care(changes('added', how), false)).toBe('unsound');
  }
  // What was not looked at may be anything.
  expect(care({ ...changes('added'), count: 2 }, false)).toBe('unsound');
});

test('what is kept is named by the version, its digest, and the time', () => {
  const of = { slotName: '1.0.0-1a2b3c4d', nowMs: Date.UTC(2026, 10, 27, 3, 15, 0, 789) };
  expect(keepingName({ ...of, number: 1 })).toBe('1.0.0-1a2b3c4d-20261127T031500Z');
  expect(keepingName({ ...of, number: 2 })).toBe('1.0.0-1a2b3c4d-20261127T031500Z-2');
});
