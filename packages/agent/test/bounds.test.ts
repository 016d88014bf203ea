import {
  type CommandMessage,
  decodeAgentFrame,
  type EvidenceMessage,
  encodeAgentFrame,
  type FinishMessage,
  FRAME_BYTES_MAX,
} from '@moult/protocol';
import { describe, expect, test } from 'vitest';
import { TestHost } from './support/host.ts';

const order = (commandId: string) => ({
  commandId,
  attempt: 1,
  notAfterMs: 2_000_000_000_000,
  generation: 1,
  position: 7,
});
const command = (commandId: string): CommandMessage => ({
  ...order(commandId),
  autoUpgrade: {
    component: 'agent',
    version: '1.1.0',
    isForced: false,
    isRevert: false,
    nonce: 'cd',
  },
});

const endedWith = (commandId: string, evidence: EvidenceMessage): FinishMessage => ({
  ...{ commandId, attempt: 1, component: 'agent', outcome: 'rolled-back', code: 'crashed' },
  ...{ message: '', evidence, from: null, current: null, steps: [], bytesFetched: 0 },
  ...{ bytesTotal: 0, rehearsal: 'not-done', wantedVersion: '' },
});

describe('T17: what waits on the host is bounded', () => {
  test('commands beyond the limit are not taken, known ones are', () => {
    const store = new TestHost().store();
    const stored = new Map<string, number>();
    for (let index = 0; index < 2_000; index++) {
      const [kind = 'full'] = store.inbox.store([command(`command-${index}`)]);
      stored.set(kind, (stored.get(kind) ?? 0) + 1);
    }
    expect(stored.get('new')).toBe(1_000);
    expect(store.inbox.store([command('command-0')])).toEqual(['known']);
    store.close();
  });

  test('H9: however many tasks wait, an upgrade is taken', () => {
    const store = new TestHost().store();
    const task = { name: 'backup', parameters: [] };
    const kept = store.inbox.store(
      Array.from({ length: 1_001 }, (_, index) => ({ ...order(`task-${index}`), task })),
    );
    expect(kept.filter((kind) => kind === 'full')).toHaveLength(101);
    expect(store.inbox.store([command('upgrade')])).toEqual(['new']);
    store.close();
  });

  test('a batch of many ends with evidence is a frame that the coordinator reads', () => {
    const store = new TestHost().store();
    const evidence = {
      ...{ reason: 'crashed', detail: '', exitCode: 1, signal: '' },
      logLines: Array.from({ length: 200 }, () => 'x'),
      samples: [],
    };
    for (let index = 0; index < 200; index++) {
      store.outbox.append({ item: 'finish', finish: endedWith(`command-${index}`, evidence) });
    }
    for (let after = 0; after < 200; ) {
      const batch = store.outbox.batchAfter(after, FRAME_BYTES_MAX / 2);
      if (batch === null) throw new Error('nothing after all');
      const { epoch, firstSequence, items } = batch;
      const bytes = encodeAgentFrame({ kind: 'output', message: { epoch, firstSequence, items } });
      expect(decodeAgentFrame(bytes).kind).toBe('frame');
      after = batch.lastSequence;
    }
    store.close();
  });

  test('a batch fits in a frame, whatever letters its items are written in', () => {
    const store = new TestHost().store();
    const logLines = Array.from({ length: 200 }, () => '界'.repeat(500));
    for (let index = 0; index < 5; index++) {
      const evidence = {
        ...{ reason: 'crashed', detail: '', exitCode: 1, signal: '' },
        logLines,
        samples: [],
      };
      store.outbox.append({ item: 'finish', finish: endedWith(`command-${index}`, evidence) });
    }
    const batch = store.outbox.batchAfter(0, FRAME_BYTES_MAX / 2);
    expect(batch).not.toBeNull();
    if (batch === null) return;
    const bytes = encodeAgentFrame({ kind: 'output', message: batch });
    expect(bytes.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
    store.close();
  });
});
