import { describe, expect, it } from 'vitest';
import { shareOf, wavesOf } from '../src/commands/rollouts/waves.ts';

describe('waves', () => {
  it.each([
    ['rest', [{ kind: 'rest' }]],
    ['1,rest', [{ kind: 'count', count: 1 }, { kind: 'rest' }]],
    [
      '1, 10%, rest',
      [{ kind: 'count', count: 1 }, { kind: 'percent', percent: 10 }, { kind: 'rest' }],
    ],
    ['0.5%,rest', [{ kind: 'percent', percent: 0.5 }, { kind: 'rest' }]],
    ['100%,rest', [{ kind: 'percent', percent: 100 }, { kind: 'rest' }]],
  ])('are read from %j', (text, waves) => {
    expect(wavesOf(text)).toEqual(waves);
  });

  it.each([
    ['', 'A wave is missing'],
    [' ', 'A wave is missing'],
    ['1,,rest', 'A wave is missing'],
    ['1,rest,', 'A wave is missing'],
    ['rest,1', 'rest'],
    ['1,rest,10%,rest', 'nly the last wave can be the rest'],
    ['1,10%', 'he last wave must be the rest'],
    ['0,rest', 'wave of 0 agents is none'],
    ['0%,rest', 'wave of 0 % is none'],
    ['101%,rest', 'wave of 101 % is none: more than 0 %, 100 % at most. Give sizes'],
    ['-1,rest', '-1 is no wave'],
    ['1.5,rest', '1.5 is no wave'],
    ['1e3,rest', '1e3 is no wave'],
    ['ten,rest', 'ten is no wave'],
    ['%,rest', '% is no wave'],
    ['1;10%;rest', '1;10%;rest is no wave'],
    [`${'1,'.repeat(50)}rest`, 'there are 51 waves'],
  ])('are refused in %j, with what would do', (text, says) => {
    expect(() => wavesOf(text)).toThrow(new RegExp(says, 'i'));
    expect(() => wavesOf(text)).toThrow('such as 1,10%,rest');
  });
});

describe('a share', () => {
  it.each([
    ['0%', 0],
    ['5%', 0.05],
    ['99.5 %', 0.995],
    ['100%', 1],
  ])('is read from %j', (text, share) => {
    expect(shareOf(text)).toBeCloseTo(share, 12);
  });

  it.each(['', '5', '0.05', '101%', '-1%', '%', 'half'])('is not %j', (text) => {
    expect(() => shareOf(text)).toThrow('such as 5%');
  });
});
