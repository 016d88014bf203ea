import { describe, expect, test } from 'vitest';
import { type DesiredFacts, desiredVersionOf } from '../src/desired.ts';

const NOTHING: DesiredFacts = {
  manualCommand: null,
  runningRollout: null,
  lastFinished: null,
  since: 0,
  agent: null,
  group: null,
  fleet: null,
};
const at = (version: string, position: number) => ({ version, position });
const withdrawn = (position: number) => ({ version: null, position });

describe('the desired version', () => {
  test.each<[string, Partial<DesiredFacts>, [string, string] | null]>([
    ['nothing is set', {}, null],
    ['the fleet has a choice', { fleet: at('1.0.0', 1) }, ['1.0.0', 'fleet']],
    [
      'a group is nearer than the fleet',
      { fleet: at('1.0.0', 9), group: at('2.0.0', 1) },
      ['2.0.0', 'group'],
    ],
    ['an agent is nearest', { group: at('2.0.0', 9), agent: at('3.0.0', 1) }, ['3.0.0', 'agent']],
    [
      'an order finished after the choice',
      { fleet: at('1.0.0', 1), lastFinished: at('2.0.0', 2) },
      ['2.0.0', 'last-finished'],
    ],
    [
      'a choice came after the order',
      { fleet: at('1.0.0', 3), lastFinished: at('2.0.0', 2) },
      ['1.0.0', 'fleet'],
    ],
    [
      'a nearer choice was withdrawn after the order',
      { fleet: at('1.0.0', 1), lastFinished: at('2.0.0', 2), agent: withdrawn(3) },
      ['1.0.0', 'fleet'],
    ],
    [
      'an order finished after the nearer choice was withdrawn',
      { fleet: at('1.0.0', 1), lastFinished: at('2.0.0', 4), agent: withdrawn(3) },
      ['2.0.0', 'last-finished'],
    ],
    [
      'one is withdrawn and nothing is chosen farther away',
      { lastFinished: at('2.0.0', 2), agent: withdrawn(3) },
      ['2.0.0', 'last-finished'],
    ],
    [
      'what was withdrawn stands behind a nearer choice',
      { fleet: at('1.0.0', 1), group: withdrawn(9), agent: at('3.0.0', 2) },
      ['3.0.0', 'agent'],
    ],
    [
      'a move made an older choice hold after the order',
      { group: at('1.0.0', 1), lastFinished: at('2.0.0', 2), since: 3 },
      ['1.0.0', 'group'],
    ],
    [
      'an order finished after the move',
      { group: at('1.0.0', 1), lastFinished: at('2.0.0', 4), since: 3 },
      ['2.0.0', 'last-finished'],
    ],
    ['an order alone', { lastFinished: at('2.0.0', 2) }, ['2.0.0', 'last-finished']],
    ['a rollout runs', { runningRollout: '4.0.0', agent: at('3.0.0', 9) }, ['4.0.0', 'rollout']],
    [
      'a command by hand is open',
      { manualCommand: '5.0.0', runningRollout: '4.0.0' },
      ['5.0.0', 'manual-command'],
    ],
  ])('when %s', (_, facts, wanted) => {
    const desired = desiredVersionOf({ ...NOTHING, ...facts });
    expect(desired === null ? null : [desired.version, desired.from]).toEqual(wanted);
  });

  test('C21: a choice is in force since it was made, or since a nearer one was withdrawn', () => {
    const since = (facts: Partial<DesiredFacts>) => {
      const desired = desiredVersionOf({ ...NOTHING, ...facts });
      return desired !== null && 'position' in desired ? desired.position : null;
    };
    const fleet = at('1.0.0', 5);
    expect(since({ fleet })).toBe(5);
    expect(since({ fleet, group: withdrawn(4) })).toBe(5);
    expect(since({ fleet, group: withdrawn(7), agent: withdrawn(6) })).toBe(7);
    expect(since({ fleet: withdrawn(5), agent: withdrawn(6) })).toBe(null);
  });
});
