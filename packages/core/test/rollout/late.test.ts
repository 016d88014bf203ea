import { expect, test } from 'vitest';
import {
  byPriority,
  type Candidate,
  lateStandingOf,
  lateWaveOf,
  type RolloutSpec,
  selectorTroubles,
  type WaveSize,
} from '../../src/rollout/index.ts';
import { candidate, SPEC } from './rollouts.ts';

const standings: readonly [string, Partial<Candidate>, string][] = [
  ['an older one goes', {}, 'goes'],
  ['one that has the version need not', { version: '2.0.0' }, 'already-there'],
  ['one that never said what it runs is asked again', { version: null }, 'unknown'],
  ['one that has refused the version cannot', { isRefusedHere: true }, 'refused-here'],
];
test.each(standings)('P3: of those that match late %s', (_name, some, expected) => {
  expect(lateStandingOf(candidate({ ...some, agentName: 'a' }), SPEC)).toBe(expected);
});

const REST: WaveSize = { kind: 'rest' };
const ONE: WaveSize = { kind: 'count', count: 1 };
const waves: readonly [string, readonly WaveSize[], number, number][] = [
  ['the last of three', [ONE, ONE, REST], 3, 2],
  ['the last that was planned', [ONE, ONE, REST], 2, 1],
  ['one after the canary, who was alone', [ONE, REST], 1, 1],
  ['the only one that was asked for', [REST], 1, 0],
];
test.each(waves)('P3: a late joiner’s wave is %s', (_name, asked, planned, expected) => {
  expect(lateWaveOf({ ...SPEC, waves: asked }, planned)).toBe(expected);
});

test('P3: late joiners come by a selector alone', () => {
  const spec: RolloutSpec = { ...SPEC, takesLateJoiners: true };
  expect(selectorTroubles(spec, 'group=eu')).toEqual([]);
  expect(selectorTroubles(spec, null)).toHaveLength(1);
  expect(selectorTroubles(SPEC, null)).toEqual([]);
});

test('RO22: the higher priority comes first, of equal ones the older; what cannot be read is as if nothing was said', () => {
  const ranked = (id: string, priority: number) => ({
    id,
    spec: JSON.stringify({ ...SPEC, priority }),
  });
  const all = [
    ranked('c', 5),
    ranked('b', 0),
    { id: 'a', spec: '{' },
    ranked('d', -1),
    ranked('e', 5),
  ];
  expect(all.sort(byPriority).map(({ id }) => id)).toEqual(['c', 'e', 'a', 'b', 'd']);
});
