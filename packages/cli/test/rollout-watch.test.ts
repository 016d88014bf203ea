import { describe, expect, it } from 'vitest';
import { changeLines, frameLines, usualMsOf } from '../src/commands/rollouts/watch-text.ts';
import { AT_MS, counts, member, ROLLOUT } from './support/rollouts.ts';

const SIZE = { rows: 20, columns: 80 };
const frame = (of: Partial<Parameters<typeof frameLines>[0]> = {}) =>
  frameLines({ rollout: ROLLOUT, members: [], usualMs: null, size: SIZE, nowMs: AT_MS, ...of });

const failed = member('db-1', { state: 'failed', code: 'crashed', message: 'it ended' });
const held = member('web-1', { holdReason: 'paused' });

describe('a frame of a rollout', () => {
  it('has a head, a bar for each wave, then whoever failed, then whoever is held', () => {
    const inLine = member('web-3', { holdReason: 'awaiting-gate' });
    const members = [held, member('web-2', { state: 'upgrading' }), inLine, failed];
    expect(frame({ members }).join('\n')).toBe(
      [
        'spring: agent 1.4.0, running, 2 of 12 over',
        '',
        `wave 1 [${'#'.repeat(36)}] 1/1  1 done`,
        `wave 2 [${'#'.repeat(12)}${'>'.repeat(12)}${'.'.repeat(12)}] 1/3  1 done, 1 upgrading, 1 waiting`,
        `wave 3 [${'.'.repeat(36)}] 0/8  8 waiting`,
        '',
        'db-1: failed: it ended (crashed)',
        'web-1: waiting: the agent is paused (paused)',
      ].join('\n'),
    );
  });

  it('shows of those that upgrade the slow ones, by what others took, and after five minutes in any case', () => {
    const since = (agent: string, forMs: number) =>
      member(agent, { state: 'upgrading', startedMs: AT_MS - forMs });
    const members = [since('web-1', 59_000), since('web-2', 182_000), since('web-3', 301_000)];
    const shown = (usualMs: number | null) => frame({ members, usualMs }).slice(5);
    expect(shown(null)).toEqual(['', 'web-3: upgrading for 5 min 1 s']);
    expect(shown(41_000)).toEqual([
      '',
      'web-2: upgrading for 3 min 2 s; others took 41.0 s',
      'web-3: upgrading for 5 min 1 s; others took 41.0 s',
    ]);
    expect(shown(200)).toHaveLength(3);
    expect(shown(180_000)).toEqual([]);
  });

  it('says in which step a slow one is', () => {
    const slow = { state: 'upgrading', startedMs: AT_MS - 301_000, step: 'waiting-for-permission' };
    const shown = frame({ members: [member('web-3', slow as never)], usualMs: null }).slice(6);
    expect(shown).toEqual(['web-3: upgrading, waiting for permission for 5 min 1 s']);
  });

  it.each([1, 2, 3, 5, 8, 12, 24, 60])('fits a screen of %i rows', (rows) => {
    const waves = Array.from({ length: 50 }, () => ({
      counts: counts({ waiting: 3 }),
      lastEndMs: null,
      isApproved: false,
    }));
    const members = Array.from({ length: 100 }, (_, n) => member(`w-${n}`, { holdReason: 'busy' }));
    const rollout = { ...ROLLOUT, waves, wave: 30 };
    const lines = frame({ rollout, members, size: { rows, columns: 80 } });
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(lines[0]).toContain('spring');
    if (rows >= 8) {
      expect(lines.some((line) => line.startsWith('wave 31 '))).toBe(true);
      expect(lines.at(-1)).toMatch(/^and \d+ more: moult rollouts why spring$/);
    }
  });
});

describe('lines of a rollout', () => {
  it('are one for each agent whose state is another, with how many are over', () => {
    const before = new Map([
      [1, 'upgrading'],
      [2, 'waiting'],
      [3, 'done'],
    ]);
    const now = [
      member('web-1', { place: 1, state: 'done' }),
      member('web-2', { place: 2, state: 'upgrading' }),
      member('web-3', { place: 3, state: 'done' }),
      member('web-4', { place: 4, state: 'failed', code: 'crashed' }),
      member('web-5', { place: 5 }),
    ];
    expect(changeLines(before, now)).toEqual([
      '[3/5] web-1: done',
      '[3/5] web-2: upgrading',
      '[3/5] web-4: failed (crashed)',
    ]);
  });

  it('say also that a failed one is tried again', () => {
    expect(changeLines(new Map([[0, 'failed']]), [member('web-1')])).toEqual([
      '[0/1] web-1: waiting',
    ]);
  });
});

describe('what an upgrade usually takes', () => {
  it('is the middle of what those took that are done', () => {
    const took = (endedMs: number | null) => member('a', { state: 'done', startedMs: 0, endedMs });
    expect(usualMsOf([])).toBeNull();
    expect(usualMsOf([took(null)])).toBeNull();
    expect(usualMsOf([took(90_000), took(1_000), took(3_000)])).toBe(3_000);
  });
});
