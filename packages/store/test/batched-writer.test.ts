import { expect, test } from 'vitest';
import { BatchedWriter, WAITING_BYTES_MAX } from '../src/sqlite/batched-writer.ts';
import type { WriteRequest } from '../src/sqlite/engine.ts';

const MIB = 1_048_576;

/** A disk that takes the first batch and does not come back before it is told to. */
function slowWriter() {
  const batches: (readonly WriteRequest[])[] = [];
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const writer = new BatchedWriter(async (requests) => {
    batches.push(requests);
    await held;
    return requests.map(({ args }) => ({ isDone: true, result: args }));
  });
  return { writer, batches, goOn };
}

test('what waits for the disk is bounded by its bytes: who comes then is told, and the others are written', async () => {
  const { writer, goOn } = slowWriter();
  const output = { items: [{ content: new Uint8Array(MIB) }] };
  const first = writer.submit('storeOutput', output);
  await Promise.resolve();
  const waiting: Promise<unknown>[] = [];
  const fits = Math.floor(WAITING_BYTES_MAX / (MIB + 100));
  for (let count = 0; count < fits; count++) waiting.push(writer.submit('storeOutput', output));
  await expect(writer.submit('storeOutput', output)).rejects.toMatchObject({
    code: 'store-overloaded',
  });
  goOn();
  expect(await Promise.all([first, ...waiting])).toHaveLength(fits + 1);
  expect(await writer.submit('storeOutput', output)).toBe(output);
});

test('a batch is small in number and in bytes, and takes one write of any size', async () => {
  const { writer, batches, goOn } = slowWriter();
  const texts = [20 * MIB, 3 * MIB, 3 * MIB, 3 * MIB, ...Array.from({ length: 200 }, () => 1)];
  const done = texts.map((length) => writer.submit('storeOutput', 'x'.repeat(length)));
  goOn();
  await Promise.all(done);
  expect(batches.map((batch) => batch.length)).toEqual([1, 2, 128, 73]);
});
