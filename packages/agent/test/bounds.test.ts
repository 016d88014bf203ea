import {
  type CommandMessage,
  encodeAgentFrame,
  FRAME_BYTES_MAX,
  type OutputItem,
} from '@moult/protocol';
import { describe, expect, test } from 'vitest';
import { TestHost } from './support/host.ts';

const command = (commandId: string): CommandMessage => ({
  commandId,
  attempt: 1,
  notAfterMs: 2_000_000_000_000,
  generation: 1,
  position: 7,
  autoUpgrade: {
    component: 'agent',
    version: '1.1.0',
    isForced: false,
    isRevert: false,
    nonce: 'cd',
  },
});

describe('T17: what waits on the host is bounded', () => {
  test('commands beyond the limit are not taken, known ones are', () => {
    const store = new TestHost().store();
    const stored = new Map<string, number>();
    for (let index = 0; index < 2_000; index++) {
      const kind = store.inbox.store(command(`command-${index}`));
      stored.set(kind, (stored.get(kind) ?? 0) + 1);
    }
    expect(stored.get('new')).toBe(1_000);
    expect(store.inbox.store(command('command-0'))).toBe('known');
    store.close();
  });

  test('a batch fits in a frame, whatever letters its items are written in', () => {
    const store = new TestHost().store();
    const logLines = Array.from({ length: 200 }, () => '界'.repeat(500));
    for (let index = 0; index < 5; index++) {
      const item: OutputItem = {
        item: 'finish',
        finish: {
          commandId: `command-${index}`,
          attempt: 1,
          component: 'agent',
          outcome: 'rolled-back',
          code: 'crashed',
          message: '',
          evidence: {
            reason: 'crashed',
            detail: '',
            exitCode: 1,
            signal: '',
            logLines,
            samples: [],
          },
          from: null,
          current: null,
          steps: [],
          bytesFetched: 0,
          bytesTotal: 0,
          rehearsal: 'not-done',
          wantedVersion: '',
        },
      };
      store.outbox.append(item);
    }
    const batch = store.outbox.batchAfter(0, FRAME_BYTES_MAX / 2);
    expect(batch).not.toBeNull();
    if (batch === null) return;
    const bytes = encodeAgentFrame({ kind: 'output', message: batch });
    expect(bytes.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
    store.close();
  });
});
