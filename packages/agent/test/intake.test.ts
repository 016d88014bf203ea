import type { OutputItem } from '@moult/protocol';
import { describe, expect, test } from 'vitest';
import type { Outbox } from '../src/database/index.ts';
import { GroupIntake, type NewRecord } from '../src/output/intake.ts';
import { TestHost } from './support/host.ts';

const record = (text: string): NewRecord => ({
  stream: 'measurements',
  task: '',
  run: '',
  atMs: 1,
  content: Buffer.from(text),
});

const textOf = (item: OutputItem) =>
  item.item === 'record' ? Buffer.from(item.record.content).toString() : item.item;

/** A disk that can be full, beneath a real outbox. */
function world() {
  const store = new TestHost().store();
  const disk = { trouble: null as Error | null, groups: [] as number[] };
  const outbox: Outbox = Object.create(store.outbox, {
    appendAll: {
      value: (items: readonly OutputItem[], effect?: () => void) => {
        if (disk.trouble !== null) throw disk.trouble;
        disk.groups.push(items.length);
        store.outbox.appendAll(items, effect);
      },
    },
  });
  let taken = 0;
  const defects: unknown[] = [];
  const intake = new GroupIntake({
    outbox,
    streams: store.numberedStreams,
    onTaken: () => {
      taken += 1;
    },
    onDefect: (error) => defects.push(error),
  });
  const kept = () => store.outbox.batchAfter(0, 1e9)?.items.map(textOf) ?? [];
  return { store, disk, intake, kept, defects, taken: () => taken };
}

describe('the intake of output', () => {
  test('Q10: a number is taken once, in whichever commit it comes again', async () => {
    const { intake, kept, disk } = world();
    const give = (...numbers: number[]) =>
      Promise.all(numbers.map((number) => intake.addNumbered(record(`${number}`), number)));
    expect(await give(1, 2, 2, 1)).toEqual([null, null, 2, 2]);
    expect(await give(2, 3, 7)).toEqual([2, null, null]);
    disk.trouble = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    await expect(give(8)).rejects.toThrow('ENOSPC');
    disk.trouble = null;
    expect(await give(8, 4)).toEqual([null, 8]);
    expect(kept()).toEqual(['1', '2', '3', '7', '8']);
  });

  test('Q10: streams that are numbered are bounded, and the others go on', async () => {
    const { intake, defects } = world();
    const give = (stream: string) => intake.addNumbered({ ...record('x'), stream }, 1);
    for (let index = 0; index < 1_000; index += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, more) => give(`s${index + more}`)));
    }
    await expect(give('one-more')).rejects.toThrow('more than 1000 numbered streams');
    expect(await intake.addNumbered({ ...record('x'), stream: 's7' }, 2)).toBeNull();
    expect(defects).toEqual([]);
  });

  test('what is given at once is one commit, in its order, and delivery is told once', async () => {
    const { intake, disk, kept, taken } = world();
    await Promise.all(['a', 'b', 'c'].map((text) => intake.add(record(text))));
    expect(disk.groups).toEqual([3]);
    expect(kept()).toEqual(['a', 'b', 'c']);
    expect(taken()).toBe(1);
  });

  test('a commit is bounded in records and in bytes', async () => {
    const { intake, disk } = world();
    await Promise.all(Array.from({ length: 2_200 }, () => intake.add(record('x'))));
    expect(disk.groups).toEqual([1_000, 1_000, 200]);
    disk.groups.length = 0;
    const large = 'x'.repeat(100_000);
    await Promise.all(Array.from({ length: 5 }, () => intake.add(record(large))));
    expect(disk.groups).toEqual([2, 2, 1]);
  });

  test('Q1, T24: a disk that does not take a group refuses all of it, and takes the next one', async () => {
    const { intake, disk, kept, defects, taken } = world();
    disk.trouble = Object.assign(new Error('database or disk is full'), { errcode: 13 });
    const results = await Promise.allSettled([intake.add(record('a')), intake.add(record('b'))]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(taken()).toBe(0);
    disk.trouble = null;
    await intake.add(record('c'));
    expect(kept()).toEqual(['c']);
    expect(defects).toEqual([]);
  });

  test('a failure that is not the disk is a defect, and nobody waits for ever', async () => {
    const { intake, disk, defects } = world();
    disk.trouble = new TypeError('not a function');
    await expect(intake.add(record('a'))).rejects.toThrow('not a function');
    expect(defects).toEqual([disk.trouble]);
  });

  test('a record that no batch could carry is refused by itself', async () => {
    const { intake, kept } = world();
    const given = [intake.add(record('x'.repeat(300_000))), intake.add(record('a'))];
    const results = await Promise.allSettled(given);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(kept()).toEqual(['a']);
  });

  test('T17: who makes up numbered streams without end is refused, and nobody beside it', async () => {
    const { store, intake, kept } = world();
    for (let index = 0; index < 999; index++) store.numberedStreams.note(`stream-${index}`, 1);
    const results = await Promise.allSettled([
      intake.addNumbered({ ...record('a'), stream: 'one' }, 1),
      intake.addNumbered({ ...record('b'), stream: 'more' }, 1),
      intake.addNumbered({ ...record('c'), stream: 'stream-7' }, 2),
      intake.add(record('d')),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(results[1]).toMatchObject({ reason: { code: 'output-invalid' } });
    expect(kept()).toEqual(['a', 'c', 'd']);
  });

  test('stopping waits for what was given, and refuses what comes after', async () => {
    const { intake, kept } = world();
    const given = intake.add(record('a'));
    await intake.stop();
    await given;
    await expect(intake.add(record('b'))).rejects.toThrow('the agent ends');
    expect(kept()).toEqual(['a']);
  });
});
