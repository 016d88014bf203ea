import { describe, expect, test } from 'vitest';
import { type DesiredFacts, desiredVersionOf } from '../src/desired.ts';

const NOTHING: DesiredFacts = {
  manualCommand: null,
  runningRollout: null,
  lastFinished: null,
  agent: null,
  group: null,
  fleet: null,
};
const at = (version: string, position: number) => ({ version, position });

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
});
