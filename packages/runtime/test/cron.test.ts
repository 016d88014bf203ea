import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { type Schedule, scheduleTrouble, startSchedule } from '../src/cron.ts';

const TEN_YEARS_MS = 10 * 365 * 86_400_000;

function opened(clock: ManualClock): {
  readonly schedule: Schedule;
  readonly running: () => number;
  readonly begun: () => number;
} {
  let running = 0;
  let begun = 0;
  const schedule = startSchedule('0 0 * * * *', () => undefined, {
    clock,
    open: () => {
      running += 1;
      begun += 1;
      return {
        stop: () => {
          running -= 1;
        },
      };
    },
  });
  return { schedule, running: () => running, begun: () => begun };
}

test.for([-TEN_YEARS_MS, TEN_YEARS_MS, 3_600_000])(
  'T21: a clock that is set by %i ms begins the schedule anew, once',
  async (jumpMs) => {
    const clock = new ManualClock();
    const { schedule, running, begun } = opened(clock);
    await clock.advance(600_000);
    expect(begun()).toBe(1);
    clock.jump(jumpMs);
    await clock.advance(600_000);
    expect([begun(), running()]).toEqual([2, 1]);
    schedule.stop();
    expect(running()).toBe(0);
    expect(clock.sleeping).toBe(0);
  },
);

test('a clock that is slewed does not disturb it', async () => {
  const clock = new ManualClock();
  const { schedule, begun } = opened(clock);
  for (let minute = 0; minute < 60; minute++) {
    clock.jump(30);
    await clock.advance(60_000);
  }
  expect(begun()).toBe(1);
  schedule.stop();
});

test.each([
  ['0 3 * * *', 'Europe/Berlin', null],
  ['* * * * * *', 'UTC', null],
  ['0 0 30 2 *', 'UTC', 'impossible day'],
  ['61 * * * *', 'UTC', 'minute'],
  ['0 3 * * *', 'Mars/Olympus', 'no time zone'],
])('the schedule %s in %s can be followed, or not and why', (expression, timeZone, trouble) => {
  const found = scheduleTrouble(expression, timeZone);
  if (trouble === null) expect(found).toBeNull();
  else expect(found).toContain(trouble);
});
