import { HTTPS_POLL_MS, joinFrames } from '@moult/protocol';
import { beforeEach, expect, test } from 'vitest';
import type { CarrierListener } from '../src/gateway/carrier.ts';
import { HttpsCarrier } from '../src/gateway/https-carrier.ts';
import { TimerWheel } from '../src/gateway/timer-wheel.ts';
import { FakeClock } from './support/fake-clock.ts';

let clock: FakeClock;
let wheel: TimerWheel;
let carrier: HttpsCarrier;
let came: number[][];
let ended: number;
let onBytes: CarrierListener['onBytes'];
beforeEach(() => {
  clock = new FakeClock();
  wheel = new TimerWheel(clock.monotonicMs());
  came = [];
  ended = 0;
  onBytes = (bytes) => came.push([...bytes]);
  carrier = new HttpsCarrier({ clock, wheel, binding: () => '', onEnded: () => undefined });
  carrier.listen({
    onBytes: (bytes, isBinary) => onBytes(bytes, isBinary),
    onArriving: () => true,
    onEnded: () => {
      ended += 1;
    },
  });
});

const frame = (value: number): Uint8Array => Uint8Array.of(value);

test('a question without an answer to give is answered with none after 20 s', async () => {
  const asked = carrier.next(0);
  await clock.advance(HTTPS_POLL_MS - 1_000);
  wheel.tick(clock.monotonicMs());
  let isAnswered = false;
  void asked.then(() => {
    isAnswered = true;
  });
  await Promise.resolve();
  expect(isAnswered).toBe(false);
  await clock.advance(2_000);
  wheel.tick(clock.monotonicMs());
  expect(await asked).toEqual([]);
});

test('what is said in one go travels in one answer, and counts until the next question', async () => {
  const asked = carrier.next(0);
  carrier.send(frame(1));
  carrier.send(frame(2));
  expect(await asked).toEqual([frame(1), frame(2)]);
  expect(carrier.bufferedBytes).toBe(2);
  const next = carrier.next(2);
  expect(carrier.bufferedBytes).toBe(0);
  carrier.send(frame(3));
  expect(await next).toEqual([frame(3)]);
});

test('frames of a body come one by one, and no further than the session has room', async () => {
  onBytes = (bytes) => {
    came.push([...bytes]);
    if (came.length === 2) carrier.pause();
  };
  carrier.beginTaking(0);
  let isTaken = false;
  const taken = carrier.take(joinFrames([frame(1), frame(2), frame(3)])).then(() => {
    isTaken = true;
  });
  await Promise.resolve();
  expect(came).toEqual([[1], [2]]);
  expect(isTaken).toBe(false);
  carrier.resume();
  await taken;
  expect(came).toEqual([[1], [2], [3]]);
  carrier.beginTaking(3);
});

test('a close lets through what was said, and ends with that answer', async () => {
  carrier.send(frame(1));
  carrier.close();
  carrier.send(frame(2));
  expect(await carrier.next(0)).toEqual([frame(1)]);
  expect(ended).toBe(0);
  carrier.answered();
  expect(ended).toBe(1);
  await expect(carrier.next(1)).rejects.toMatchObject({ code: 'session-unknown' });
});

test('a body that waits for room is answered when the session ends', async () => {
  carrier.pause();
  carrier.beginTaking(0);
  const taken = carrier.take(joinFrames([frame(1)]));
  carrier.terminate();
  await taken;
  expect(came).toEqual([]);
  expect(ended).toBe(1);
});

test('S2: what does not follow on the frame before ends it, in both directions', async () => {
  expect(() => carrier.beginTaking(1)).toThrow('lost, repeated or overtaken');
  expect(ended).toBe(1);
  const other = new HttpsCarrier({ clock, wheel, binding: () => '', onEnded: () => undefined });
  await expect(other.next(1)).rejects.toMatchObject({ code: 'session-broken' });
  expect(other.isEnded).toBe(true);
});
