import { expect, test } from 'vitest';
import { settle, until } from '../../../test/support/manual-clock.ts';
import { NEW, OLD, TestHost } from './support/host.ts';

const COMMAND = {
  commandId: 'command-2',
  attempt: 1,
  notAfterMs: 2_000_000_000_000,
  generation: 1,
  position: 7,
  autoUpgrade: {
    component: 'agent',
    version: NEW.version,
    isForced: false,
    isRevert: true,
    nonce: 'cd',
  },
};

test('U16: a cleanup that is under way when an order comes leaves the slot that the order reuses', async () => {
  const host = new TestHost();
  host.slotDirs = { agent: ['0.8.0-dddddddd', NEW.dir, OLD.dir], launcher: [] };
  host.recordedDirs = new Set([OLD.dir]);
  let goOn: () => void = () => undefined;
  // Removing 120 MB takes its time on a slow disk.
  const slow = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let isStaged = false;
  let isRemovedWhileOrdered = false;
  host.adjust = (ports) => ({
    ...ports,
    slots: {
      ...ports.slots,
      remove: async (component, dir) => {
        if (dir === NEW.dir && isStaged) isRemovedWhileOrdered = true;
        await ports.slots.remove(component, dir);
        if (dir !== NEW.dir) await slow;
      },
      stage: async (release, options) => {
        isStaged = true;
        return ports.slots.stage(release, options);
      },
    },
  });
  const agent = host.boot();
  await until(() => host.coordinator.of('check').length > 0, 'a session');
  const cleanup = { component: 'agent', commandId: 'command-1' };
  host.coordinator.last.send({ kind: 'cleanup', message: cleanup });
  await until(() => host.removed.length > 0, 'the cleanup');
  host.coordinator.last.send({ kind: 'command', message: COMMAND });
  await host.clock.advance(2_000);
  goOn();
  await settle();
  await until(() => host.coordinator.of('permission').length > 0, 'the question');
  expect(isStaged).toBe(true);
  expect(isRemovedWhileOrdered).toBe(false);
  agent.stop();
  await agent.ended;
});
