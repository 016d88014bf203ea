import type { UpgradeState } from '@moult/core/upgrade';
import { expect, test } from 'vitest';
import { components, NEW, TestHost } from './support/host.ts';

const ORDER = {
  commandId: 'command-1',
  attempt: 1,
  component: 'agent',
  version: '1.1.0',
  isForced: false,
  isRevert: false,
  nonce: 'cd',
} as const;
const COURSE = { order: ORDER, from: null, steps: [], bytesFetched: 0, bytesTotal: 0 };

test('U3: an attestation that could not be saved is made up for while the session goes on', async () => {
  const host = new TestHost();
  const retry = { failures: 0, notBeforeMs: 0 };
  const course = { ...COURSE, rehearsal: 'not-done' } as const;
  host.store().upgradeRecord.save({ kind: 'switching', course, slot: NEW, retry });
  let ping: () => void = () => undefined;
  let sessions = 0;
  host.coordinator.onFrame = (frame, session) => {
    if (frame.kind === 'check') {
      sessions += 1;
      ping = () => session.send({ kind: 'ping', message: { id: 1 } });
    }
    if (frame.kind === 'report' && frame.message.upgrade?.isHealthy === true) {
      session.send({ kind: 'confirm', message: { commandId: 'command-1', attempt: 1 } });
    }
    return false;
  };
  const beganMs = host.clock.nowMs();
  let refusals = 0;
  host.adjust = (ports) => ({
    ...ports,
    openStore: () => {
      const store = ports.openStore();
      const { upgradeRecord } = store;
      const save = (state: UpgradeState) => {
        // The disk is full for a moment, just when the session opens.
        const isFull = host.clock.nowMs() - beganMs < 5_000;
        if (state.kind === 'probation' && state.isAttested && isFull) {
          refusals += 1;
          throw new Error('no space left on device');
        }
        upgradeRecord.save(state);
      };
      return { ...store, upgradeRecord: { load: (view) => upgradeRecord.load(view), save } };
    },
  });
  const trial = { committed: NEW, previous: null, trialAttemptId: 'command-1/1', refused: [] };
  const agent = host.boot({ slot: NEW, components: components({ agent: trial }) });
  for (let turn = 0; turn < 400; turn++) {
    await host.clock.advance(500);
    if (turn % 40 === 0) ping();
  }
  expect(sessions).toBe(1);
  expect(refusals).toBeGreaterThan(0);
  expect(agent.launcher.requests('commit')).toHaveLength(1);
  agent.stop();
  await agent.ended;
});
