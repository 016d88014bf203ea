/* Output, as every engine of the store must keep it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NewOutput, Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { agent, instance, kinds, NOW } from './support/rows.ts';

const DAY_MS = 86_400_000;

export function outputConformance(engine: Engine): void {
  describe(`output in a store on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    let instanceId: string;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      ({ instanceId } = await agent(store, 'a'));
    });
    afterEach(() => dispose());

    const put = (firstSequence: number, items: readonly NewOutput[], nowMs = NOW) =>
      store.write('storeOutput', { instanceId, epoch: 'e', firstSequence, items, nowMs });
    const kept = async () => {
      const { rows } = await store.read('outputPage', {
        instanceIds: [instanceId],
        task: null,
        run: null,
        stream: null,
        sinceMs: null,
        after: 0,
        limit: 1_000,
        bytesMax: 1_000_000,
      });
      return rows.map((row) => `${row.sequence} ${Buffer.from(row.content)}`);
    };
    const bytes = async () => (await instance(store, instanceId)).output_bytes;
    const drop = (set: object) =>
      store.write('dropOutput', {
        instanceId,
        beforeMs: 0,
        bytesMax: Number.MAX_SAFE_INTEGER,
        forwardedUpTo: null,
        heldBytesMax: 0,
        limit: 1_000,
        ...set,
      });

    test('C14, Q20: of a batch that comes again with more, only what is new is taken', async () => {
      await put(1, [record('a'), record('b')]);
      expect(await put(1, [record('a'), record('b'), record('c')])).toMatchObject({
        lastSequence: 3,
      });
      expect(await kept()).toEqual(['1 a', '2 b', '3 c']);
    });

    test('Q20: a gap takes as many numbers as it covers; one that is known is no news, one that is known in part is', async () => {
      await put(1, [record('a'), gap(4, 'x'), record('b')]);
      expect(await put(2, [gap(4, 'x'), record('b')])).toMatchObject({ lastSequence: 6 });
      expect(await put(5, [gap(8, 'y'), record('c')])).toMatchObject({ lastSequence: 13 });
      expect(await kept()).toEqual(['1 a', '5 x', '6 b', '12 y', '13 c']);
    });

    test('Q20: a hole is said among the output, where whoever reads it sees it', async () => {
      await put(1, [record('a')]);
      await put(9, [record('b')]);
      expect(await kept()).toEqual(['1 a', '8 {"reason":"missing","items":7,"bytes":0}', '9 b']);
    });

    test('Q21: output of any amount is in its order, is counted, and writes nothing to history', async () => {
      const before = await kinds(store);
      const items = Array.from({ length: 333 }, (_, index) => record(String(index)));
      await put(1, items);
      expect(await kept()).toEqual(items.map((_, index) => `${index + 1} ${index}`));
      expect(await bytes()).toBe(items.map((_, index) => String(index)).join('').length);
      expect(await kinds(store)).toEqual(before);
    });

    test('Q22: what is too old goes, oldest first, a few rows at a time', async () => {
      await put(1, [record('a'), record('b'), record('c')]);
      await put(4, [record('d')], NOW + DAY_MS);
      const old = { beforeMs: NOW + 1, limit: 2 };
      expect(await drop(old)).toEqual({ dropped: 2, isMore: true });
      expect(await drop(old)).toEqual({ dropped: 1, isMore: false });
      expect(await kept()).toEqual(['4 d']);
      expect(await bytes()).toBe(1);
      const holders = await store.read('outputHolders', { after: '', limit: 10 });
      expect(holders).toEqual([{ id: instanceId, bytes: 1, oldestMs: NOW + DAY_MS }]);
    });

    test('Q22: what is beyond the bytes of an agent goes, oldest first', async () => {
      await put(1, [record('aaa'), record('bbb'), record('ccc')]);
      expect(await drop({ bytesMax: 7 })).toMatchObject({ dropped: 1 });
      expect(await kept()).toEqual(['2 bbb', '3 ccc']);
      expect(await bytes()).toBe(6);
      expect(await drop({ bytesMax: 6 })).toMatchObject({ dropped: 0 });
    });

    test('Q22: what was not forwarded yet stays up to a limit of its own, and leaves a gap when it goes', async () => {
      const of = (letter: string): NewOutput => record(letter.repeat(100));
      await put(1, ['a', 'b', 'c', 'd', 'e', 'f'].map(of));
      const late = { beforeMs: NOW + DAY_MS, bytesMax: 0, forwardedUpTo: 1 };
      expect(await drop({ ...late, heldBytesMax: 500 })).toMatchObject({ dropped: 1 });
      expect(await drop({ ...late, heldBytesMax: 300 })).toMatchObject({ dropped: 2 });
      const gapOf = (items: number, bytes: number) =>
        JSON.stringify({ reason: 'not-forwarded', items, bytes });
      const [first, ...rest] = await kept();
      expect(first).toBe(`3 ${gapOf(2, 200)}`);
      expect(rest).toEqual(
        ['d', 'e', 'f'].map((letter, index) => `${index + 4} ${letter.repeat(100)}`),
      );
      expect(await bytes()).toBe(300 + gapOf(2, 200).length);
      expect(await drop({ ...late, heldBytesMax: 260 })).toMatchObject({ dropped: 2 });
      expect((await kept())[0]).toBe(`4 ${gapOf(3, 300)}`);
      expect(await drop({ ...late, heldBytesMax: 260 })).toMatchObject({ dropped: 0 });
      expect(await drop({ ...late, forwardedUpTo: 6 })).toMatchObject({ dropped: 3 });
      expect(await bytes()).toBe(0);
    });

    test('Q22: runs of which nothing was heard for long go, with the commands of their tasks', async () => {
      const run = {
        run: '@t/1',
        task: 't',
        command_id: '',
        attempt: 1,
        started_ms: NOW,
        ended_ms: NOW + 1,
        outcome: 'succeeded',
        code: null,
        message: null,
        exit_code: 0,
        signal: null,
        output_bytes: 0,
        dropped_bytes: 0,
        starts: 1,
      } as const;
      await put(1, [{ kind: 'taskRun', run }]);
      const order = { nowMs: NOW, principal: 'ann', why: '', instanceId, key: null };
      const task = { task: 't', parameters: [], notAfterMs: NOW + DAY_MS };
      const ended = await store.write('orderTask', { ...order, ...task });
      if (ended.kind !== 'ordered') throw new Error(ended.kind);
      await store.write('revokeCommand', { ...order, id: ended.command.id });
      await store.write('orderTask', { ...order, ...task });
      const all = { agent: null, task: null, run: null, state: 'all', before: null } as const;
      const left = () => store.read('runPage', { ...all, limit: 10 });
      await store.write('dropRuns', { beforeMs: NOW, limit: 10 });
      expect(await left()).toHaveLength(3);
      expect(await store.write('dropRuns', { beforeMs: NOW + 1, limit: 10 })).toEqual({
        isMore: false,
      });
      expect(await left()).toMatchObject([{ command: { state: 'queued' } }]);
    });
  });
}

function record(text: string): NewOutput {
  const content = Buffer.from(text);
  return { kind: 'record', stream: 's', task: '', run: '', atMs: 1, content };
}

function gap(covers: number, text: string): NewOutput {
  return { kind: 'gap', covers, content: Buffer.from(text) };
}
