import { describe, expect, test } from 'vitest';
import { NO_CHANGES } from '../src/changed-files.ts';
import {
  type HostGlimpse,
  isDemanded,
  isRelevantChange,
  type PreflightFacts,
  preflightChecks,
} from '../src/preflight.ts';

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;
const GOOD: PreflightFacts = {
  release: { version: '1.1.0', minimumLauncher: '1.0.0', bytesToWrite: 10 * MIB, filesToWrite: 3 },
  launcherVersion: '1.0.0',
  directoryTrouble: null,
  free: { bytes: 84 * MIB, inodes: 70 },
  fallback: { version: '1.0.0', changes: NO_CHANGES, care: 'sound' },
  clockAheadMs: 400,
  blobs: { count: 2, bytes: 3 * MIB, from: 'https://coordinator', asked: 2, trouble: null },
};

const FILE = {
  path: 'lib/agent.cjs',
  how: 'changed',
  sha256: null,
  bytes: 1,
  modifiedMs: 1,
} as const;
const CHANGED = { version: '1.0.0', changes: { files: [FILE], count: 1 } };

const outcomes = (facts: Partial<PreflightFacts>) =>
  Object.fromEntries(
    preflightChecks({ ...GOOD, ...facts }).map(({ name, outcome, code }) => [
      name,
      code ?? outcome,
    ]),
  );

test('PF1: all is well, each with its figures', () => {
  expect(preflightChecks(GOOD)).toEqual([
    ...[
      ['launcher', '1.1.0 wants 1.0.0, this host has 1.0.0'],
      ['directory', 'versions can be written'],
      [
        'disk',
        '84 MiB are free, 84 MiB are needed (twice the 10 MiB to write, and 64); 70 inodes are free, 70 are needed',
      ],
      ['fallback', '1.0.0: every byte is as its manifest says'],
      ['clock', 'as the coordinator’s'],
      ['blobs', '2 missing on this host, 3 MiB: to be had from https://coordinator'],
    ].map(([name, detail]) => ({ name, outcome: 'pass', detail, code: null })),
  ]);
});

test('U22: a fallback that was changed by hand, and can be made whole, is a warning that says what is done', () => {
  for (const [care, then] of [
    ['whole', 'kept aside before the version goes'],
    ['stage-anew', 'kept aside, and staged anew before anything else'],
  ] as const) {
    const checks = preflightChecks({ ...GOOD, fallback: { ...CHANGED, care } });
    expect(checks.find(({ name }) => name === 'fallback')).toEqual({
      name: 'fallback',
      outcome: 'warn',
      code: 'changed-by-hand',
      detail: `1.0.0 was changed by hand: lib/agent.cjs (changed): ${then}`,
    });
  }
});

describe('PF1: each fails by itself', () => {
  test.each([
    [{ launcherVersion: '0.9.9' }, 'launcher', 'launcher-too-old'],
    [{ launcherVersion: '' }, 'launcher', 'launcher-missing'],
    [{ directoryTrouble: 'EACCES' }, 'directory', 'slots-unwritable'],
    [{ free: { bytes: 84 * MIB - 1, inodes: null } }, 'disk', 'disk-reserve'],
    [{ free: { bytes: 84 * MIB, inodes: 69 } }, 'disk', 'disk-reserve'],
    [{ fallback: { ...CHANGED, care: 'unsound' } }, 'fallback', 'fallback-unsound'],
    [{ clockAheadMs: DAY_MS }, 'clock', 'clock-off'],
    [{ clockAheadMs: -DAY_MS }, 'clock', 'clock-off'],
  ] satisfies readonly (readonly [Partial<PreflightFacts>, string, string])[])(
    '%j: %s',
    (facts, name, code) => {
      expect(outcomes(facts)).toEqual({ ...outcomes({}), [name]: code });
      const check = preflightChecks({ ...GOOD, ...facts }).find((one) => one.name === name);
      expect(check?.outcome).toBe('fail');
    },
  );
});

test('PF1: a clock that is off by a minute is a warning, with the side it is off to', () => {
  const clock = (clockAheadMs: number) =>
    preflightChecks({ ...GOOD, clockAheadMs }).find(({ name }) => name === 'clock');
  expect(clock(59_999)).toMatchObject({ outcome: 'pass', code: null });
  expect(clock(60_000)).toMatchObject({
    outcome: 'warn',
    code: 'clock-off',
    detail: '60 s ahead of the coordinator’s',
  });
  expect(clock(-90_000)).toMatchObject({ detail: '90 s behind the coordinator’s' });
});

test('PF1: what is not known is not in the list', () => {
  const facts = { ...GOOD, release: null, fallback: null, clockAheadMs: null, blobs: null };
  expect(preflightChecks(facts).map(({ name }) => name)).toEqual(['directory', 'disk']);
});

test('PF7: what a release demands is no test', () => {
  expect(
    preflightChecks(GOOD)
      .filter(isDemanded)
      .map(({ name }) => name),
  ).toEqual(['launcher']);
});

describe('PF12: the blobs that are missing', () => {
  const LACKING = { count: 9, bytes: 1_000, from: 'https://coordinator', asked: 8, trouble: null };
  const check = (more: Partial<NonNullable<PreflightFacts['blobs']>>) =>
    preflightChecks({ ...GOOD, blobs: { ...LACKING, ...more } }).at(-1);

  test('it passes where nothing is missing, and where the largest can be had', () => {
    expect(check({ count: 0, asked: 0 })).toMatchObject({
      ...{ name: 'blobs', outcome: 'pass', detail: 'nothing is missing on this host' },
    });
    expect(check({})?.detail).toBe(
      '9 missing on this host, 1 KiB: to be had from https://coordinator, which has the 8 largest',
    );
  });

  test('it fails with what came of asking', () => {
    const trouble = { code: 'blob-missing', message: 'lib/agent.cjs: none there' } as const;
    expect(check({ trouble })).toEqual({
      ...{ name: 'blobs', outcome: 'fail', code: 'blob-missing' },
      detail: 'lib/agent.cjs: none there; 9 missing on this host, 1 KiB',
    });
  });

  test('PF9: what somebody carries to the drop folder counts once it has stopped growing', () => {
    const at = (dropStamp: string): HostGlimpse => ({ ...GOOD, dropStamp });
    const before = at('');
    const isSeen = (last: string, now: string, code = 'blob-missing') =>
      isRelevantChange(code, { before, last: at(last), now: at(now) });
    expect(isSeen('', '')).toBe(false);
    expect(isSeen('', 'a 1')).toBe(false);
    expect(isSeen('a 1', 'a 2')).toBe(false);
    expect(isSeen('a 2', 'a 2')).toBe(true);
    expect(isSeen('a 2', 'a 2', 'fetch-failed')).toBe(true);
    expect(isSeen('a 2', 'a 2', 'disk-reserve')).toBe(false);
  });
});
