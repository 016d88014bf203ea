import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandMessage } from '@moult/protocol';
import { systemClock } from '@moult/runtime/clock';
import { systemRandom } from '@moult/runtime/random';
import { expect, test } from 'vitest';
import { openStore } from '../src/database/index.ts';
import { plainFinish } from '../src/upgrade/finish.ts';

function commandOf(commandId: string): CommandMessage {
  return { commandId, attempt: 1, notAfterMs: 2e12, generation: 1, position: 1 };
}

test('U8: a command is remembered until its end is acknowledged, however many came after it', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'moult-inbox-')), 'agent.db');
  const store = openStore({ path, clock: systemClock, random: systemRandom });
  const run = (commandId: string) => {
    store.inbox.store([commandOf(commandId)]);
    store.inbox.finish(plainFinish(commandOf(commandId), { outcome: 'succeeded' }));
  };
  for (let index = 0; index < 1_200; index++) run(`c${index}`);
  expect(store.inbox.store([commandOf('c0')])).toEqual(['finished']);
  expect(store.inbox.waiting()).toEqual([]);
  const batch = store.outbox.batchAfter(0, 10_000_000);
  store.outbox.acknowledge(batch?.epoch ?? '', 1_000);
  run('later');
  expect(store.inbox.store([commandOf('c1199')])).toEqual(['finished']);
  expect(store.inbox.store([commandOf('c0')])).toEqual(['new']);
  expect(store.inbox.waiting().map(({ commandId }) => commandId)).toEqual(['c0']);
  store.close();
});

test('U8: commands that came together are stored together, or not at all', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'moult-inbox-')), 'agent.db');
  const store = openStore({ path, clock: systemClock, random: systemRandom });
  const three = ['a', 'b', 'a'].map(commandOf);
  expect(() =>
    store.inbox.store(three, ({ commandId }) => {
      if (commandId === 'b') throw new Error('a full disk');
    }),
  ).toThrow('a full disk');
  expect(store.inbox.waiting()).toEqual([]);
  const effects: string[] = [];
  const stored = store.inbox.store(three, ({ commandId }) => effects.push(commandId));
  expect(stored).toEqual(['new', 'new', 'known']);
  expect(effects).toEqual(['a', 'b', 'a']);
  expect(store.inbox.waiting().map(({ commandId }) => commandId)).toEqual(['a', 'b']);
  store.close();
});
