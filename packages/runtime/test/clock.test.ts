import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { everyMs } from '../src/clock.ts';

test('B18: the ticks that a machine missed while it slept are not made up for', async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  let ticks = 0;
  const ended = everyMs(clock, 5_000, stop.signal, () => {
    ticks += 1;
  });
  await clock.advance(60_000);
  expect(ticks).toBe(12);
  clock.stall(86_400_000);
  await clock.advance(4_000);
  expect(ticks).toBe(13);
  clock.jump(-315_360_000_000);
  await clock.advance(5_000);
  expect(ticks).toBe(14);
  stop.abort();
  await ended;
});
