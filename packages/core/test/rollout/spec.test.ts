import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DEFAULT_SPEC,
  PRIORITY_MAX,
  type RolloutSpec,
  readSpec,
  SOAK_MS_MAX,
  specTroubles,
  WAVES_MAX,
} from '../../src/rollout/index.ts';
import { SPEC, specs } from './rollouts.ts';

const REST = { kind: 'rest' };

/** What each field cannot be, and words of what is said of it. */
const BAD: readonly [keyof RolloutSpec | 'windows', unknown, string][] = [
  ['component', 'window', 'component'],
  ['component', null, 'component'],
  ['version', '', 'version'],
  ['version', 'v2', 'version'],
  ['version', 2, 'version'],
  ['waves', [], '0 waves'],
  ['waves', Array(WAVES_MAX + 1).fill({ kind: 'count', count: 1 }), `${WAVES_MAX + 1} waves`],
  ['waves', [{ kind: 'count', count: 1 }], 'the last wave must be the rest'],
  ['waves', [REST, REST], 'only the last wave'],
  ['waves', [{ kind: 'count', count: 0 }, REST], '0 agents'],
  ['waves', [{ kind: 'count', count: 1.5 }, REST], '1.5 agents'],
  ['waves', [{ kind: 'count', count: '3' }, REST], '3 agents'],
  ['waves', [{ kind: 'percent', percent: 0 }, REST], '0 %'],
  ['waves', [{ kind: 'percent', percent: 101 }, REST], '101 %'],
  ['waves', [{ kind: 'percent', percent: Number.NaN }, REST], 'NaN %'],
  ['waves', [{ kind: 'percent', percent: '50' }, REST], '50 %'],
  ['waves', [{ kind: 'groups', groups: 1 }, REST], 'a count, a percentage or the rest'],
  ['soakMs', -1, 'soaks'],
  ['soakMs', 0.5, 'soaks'],
  ['soakMs', SOAK_MS_MAX + 1, 'soaks'],
  ['soakMs', null, 'soaks'],
  ['successShareMin', -0.1, 'must succeed'],
  ['successShareMin', 1.1, 'must succeed'],
  ['successShareMin', Number.NaN, 'must succeed'],
  ['successShareMin', '1', 'must succeed'],
  ['needsApproval', undefined, 'approval'],
  ['needsApproval', 'no', 'approval'],
  ['onError', 'halt', 'on an error'],
  ['onError', undefined, 'on an error'],
  ['failuresAllowed', { kind: 'count', max: -1 }, 'may fail'],
  ['failuresAllowed', { kind: 'count', max: 0.5 }, 'may fail'],
  ['failuresAllowed', { kind: 'count' }, 'may fail'],
  ['failuresAllowed', { kind: 'share', max: 2, minimumSample: 1 }, 'share that may fail'],
  ['failuresAllowed', { kind: 'share', max: 0.1, minimumSample: 0 }, 'sample'],
  ['failuresAllowed', { kind: 'share', max: 0.1 }, 'sample'],
  ['failuresAllowed', { kind: 'any' }, 'a count or a share'],
  ['pauseAfter', 0, 'test mode'],
  ['pauseAfter', 1.5, 'test mode'],
  ['pauseAfter', undefined, 'test mode'],
  ['isForced', undefined, 'forced'],
  ['isForced', 1, 'forced'],
  ['rollBack', 'everything', 'goes back'],
  ['rollBackTo', 'newest', 'no version to go back to'],
  ['rollBackTo', 3, 'no version to go back to'],
  ['rollBackTo', SPEC.version, 'would be left'],
  ['goesOnAfterRollBack', 1, 'after a rollback'],
  ['takesLateJoiners', 'yes', 'late joiners'],
  ['priority', 0.5, 'priority'],
  ['priority', PRIORITY_MAX + 1, 'priority'],
  ['pace', 'slow', 'pace'],
  ['isLauncherNeeded', null, 'launcher'],
  ['needsSecondPrincipal', null, 'second principal'],
  ['windows', ['0 3 * * *'], 'windows'],
];

const LATER = [
  ...['rollBack', 'rollBackTo', 'goesOnAfterRollBack', 'takesLateJoiners', 'priority', 'pace'],
  ...['isLauncherNeeded', 'needsSecondPrincipal'],
];

describe('what is wrong with a spec', () => {
  test.each(BAD)('%s: %o', (field, value, words) => {
    const spec = { ...SPEC, [field]: value };
    const troubles = specTroubles(spec as RolloutSpec);
    expect(troubles.join('; ')).toContain(words);
    expect(readSpec(JSON.stringify(spec))).toBeNull();
  });

  test('each trouble is named, and not the first alone', () => {
    expect(specTroubles({ ...SPEC, soakMs: -1, pauseAfter: 0 })).toHaveLength(2);
  });

  test('where nobody goes back there is no version to go back to', () => {
    const troubles = specTroubles({ ...SPEC, rollBack: 'none', rollBackTo: '1.0.0' });
    expect(troubles).toEqual(['nobody goes back, and 1.0.0 is where they would']);
  });

  test('nothing is, at the limits', () => {
    const waves = [
      ...Array(WAVES_MAX - 1).fill({ kind: 'percent', percent: 100 }),
      { kind: 'rest' as const },
    ];
    expect(specTroubles({ ...SPEC, waves, soakMs: SOAK_MS_MAX, successShareMin: 1 })).toEqual([]);
    expect(specTroubles({ ...SPEC, component: 'launcher', pauseAfter: 1 })).toEqual([]);
  });
});

describe('RO6: a stored spec that cannot be read allows nothing', () => {
  test.each(['', 'null', '[]', '"x"', '1', '{}', '{"waves":', JSON.stringify(DEFAULT_SPEC)])(
    '%s',
    (text) => {
      expect(readSpec(text)).toBeNull();
    },
  );

  test('one without any of its first fields is not read; what came later was never said', () => {
    for (const field of Object.keys(SPEC)) {
      const { [field as keyof RolloutSpec]: _gone, ...rest } = SPEC;
      const read = readSpec(JSON.stringify(rest));
      expect(read, field).toEqual(LATER.includes(field) ? SPEC : null);
    }
  });

  test('what can be made can be stored and read', () => {
    fc.assert(
      fc.property(specs, (spec) => {
        expect(specTroubles(spec)).toEqual([]);
        expect(readSpec(JSON.stringify(spec))).toEqual(spec);
      }),
    );
  });
});
