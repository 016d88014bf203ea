import type { OutputItem } from '@moult/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import type { TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
let agent: TestAgent;
beforeEach(async () => {
  fixture = await Fixture.make();
  agent = await fixture.enroll('web-1');
  await agent.connect();
});
afterEach(() => fixture.stop());

function record(text: string, of: { readonly run?: string; readonly atMs?: number } = {}) {
  const { run = '', atMs = 1 } = of;
  const task = run === '' ? '' : 'backup';
  const content = Buffer.from(text);
  return { item: 'record', record: { stream: 'stdout', atMs, content, task, run } } as const;
}

let sequence = 1;
async function put(...items: readonly OutputItem[]): Promise<void> {
  agent.send({ kind: 'output', message: { epoch: 'e', firstSequence: sequence, items } });
  sequence += items.length;
  await agent.expect('outputAck');
}
beforeEach(() => {
  sequence = 1;
});

async function output(query: string) {
  const { body } = await fixture.call('GET', `/v1/output?agent=web-1${query}`);
  const texts = body.rows?.map((row: { kind: string; content?: string }) =>
    row.kind === 'gap' ? 'gap' : Buffer.from(row.content ?? '', 'base64').toString(),
  );
  return { ...body, texts };
}

test('output is read as it came: the newest rows, or page by page after a position', async () => {
  await put(record('one'), record('two'), record('three'));
  const newest = await output('&limit=2');
  expect(newest.texts).toEqual(['two', 'three']);
  const first = await output('&limit=2&after=0');
  expect(first.texts).toEqual(['one', 'two']);
  const rest = await output(`&after=${first.next}`);
  expect(rest.texts).toEqual(['three']);
  expect((await output(`&after=${rest.next}`)).texts).toEqual([]);
  expect(rest.from).toBe(first.rows[0].position);
});

test('output is read by task, run and time, and what had to go is never left out', async () => {
  const gap = { item: 'gap', gap: { reason: 'too-much', items: 3, bytes: 9, covers: 1 } } as const;
  await put(record('a', { run: 'x/1' }), record('b', { run: 'y/1', atMs: 5_000 }), gap);
  expect((await output('&run=x/1')).texts).toEqual(['a', 'gap']);
  expect((await output('&task=backup&stream=stdout&sinceMs=4000')).texts).toEqual(['b', 'gap']);
  const { rows } = await output('&run=x/1');
  expect(rows[1]).toMatchObject({ gap: { reason: 'too-much', items: 3, bytes: 9 } });
  expect((await fixture.call('GET', '/v1/output?agent=nobody')).status).toBe(404);
});

test('who follows is answered when something comes, and asks the store only then', async () => {
  await put(record('old'));
  const { next } = await output('');
  const waiting = output(`&after=${next}&waitMs=20000`);
  await put(record('new'));
  expect((await waiting).texts).toEqual(['new']);
});

test('a wait that brings nothing ends with its time, and where it may go on from', async () => {
  await put(record('x', { run: 'x/1' }));
  const waiting = output('&after=0&run=y/1&waitMs=20000');
  await fixture.clock.slept(20_000);
  await fixture.clock.advance(20_000);
  const { texts, next, from } = await waiting;
  expect(texts).toEqual([]);
  expect(next).toBe(from);
});

test('a stop does not wait for those who follow', async () => {
  const waiting = output('&after=0&waitMs=20000');
  await fixture.clock.slept(20_000);
  await fixture.restart();
  expect((await waiting).texts).toEqual([]);
});

test('Q22: output goes after its days, and the answer says from where it is kept', async () => {
  await fixture.store.write('storeOutput', {
    instanceId: agent.instanceId,
    epoch: 'e',
    firstSequence: 1,
    items: [{ kind: 'record', ...record('old').record }],
    nowMs: fixture.clock.nowMs() - 31 * 86_400_000,
  });
  const { next } = await output('');
  sequence = 2;
  await put(record('new'));
  await fixture.coordinator.trim();
  const left = await output('&after=0');
  expect(left.texts).toEqual(['new']);
  expect(left.from).toBeGreaterThan(next);
});
