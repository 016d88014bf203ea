import { nextTurn } from '@moult/runtime/clock';
import { expect, test } from 'vitest';
import { Turns } from '../src/gateway/turns.ts';

const PER_TURN = 64;

test('thousands at once are spread over turns of the loop, first come first served', async () => {
  const turns = new Turns();
  const served: number[] = [];
  for (let index = 0; index < 1_000; index += 1) {
    void turns.take().then(() => served.push(index));
  }
  let before = 0;
  for (let turn = 0; served.length < 1_000; turn += 1) {
    expect(turn).toBeLessThan(1_000);
    expect(served.length - before).toBeLessThanOrEqual(2 * PER_TURN);
    before = served.length;
    await nextTurn();
  }
  expect(served).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
});

test('alone nobody waits for a turn, and a quiet time makes room again', async () => {
  const turns = new Turns();
  for (let round = 0; round < 3; round += 1) {
    let served = 0;
    for (let index = 0; index < PER_TURN; index += 1) void turns.take().then(() => (served += 1));
    await Promise.resolve();
    await Promise.resolve();
    expect(served).toBe(PER_TURN);
    await nextTurn();
    await nextTurn();
  }
});
