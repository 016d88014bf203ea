import { expect, test } from 'vitest';
import { NEW, TestHost } from './support/host.ts';

const ORDER = {
  commandId: 'command-1',
  attempt: 1,
  component: 'agent',
  version: '1.1.0',
  isForced: false,
  isRevert: false,
  nonce: 'cd',
} as const;

test('U7: a hand-over that is given up is withdrawn, since the launcher may only be late', async () => {
  const host = new TestHost();
  const retry = { failures: 0, notBeforeMs: 0 };
  const steps = [{ step: 'switching', startedMs: 1 }] as const;
  const course = { order: ORDER, from: null, steps, bytesFetched: 0, bytesTotal: 0 };
  host.store().upgradeRecord.save({
    kind: 'switching',
    course: { ...course, rehearsal: 'not-done' },
    slot: NEW,
    retry,
  });
  const agent = host.boot();
  agent.launcher.answer = (message) =>
    message.kind === 'try' ? null : { kind: 'done', id: message.id };
  for (let turn = 0; turn < 400; turn++) await host.clock.advance(500);
  expect(agent.launcher.requests('try')).toHaveLength(4);
  expect(agent.launcher.requests('refuse')).toMatchObject([{ attemptId: 'command-1/1' }]);
  const ends = host.coordinator.received.flatMap(({ items }) => items);
  expect(ends).toMatchObject([{ finish: { outcome: 'failed', code: 'launcher-silent' } }]);
  agent.stop();
  await agent.ended;
});
