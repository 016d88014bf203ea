import { mkdirSync } from 'node:fs';
import { layoutOf } from '@moult/core/layout';
import { expect, test } from 'vitest';
import { until } from '../../../test/support/manual-clock.ts';
import type { SessionRow } from '../src/database/index.ts';
import { takeLock } from '../src/database/lock.ts';
import type { AgentPorts } from '../src/ports.ts';
import { TestHost } from './support/host.ts';

const COMMAND = {
  commandId: 'command-1',
  attempt: 1,
  notAfterMs: 2_000_000_000_000,
  generation: 1,
  position: 7,
  autoUpgrade: {
    component: 'agent',
    version: '9.9.9',
    isForced: false,
    isRevert: false,
    nonce: 'c',
  },
};

/** As node:sqlite says it. */
const FULL = () => Object.assign(new Error('database or disk is full'), { errcode: 13 });

/** As node:fs says it. */
const NO_HANDLES = () => Object.assign(new Error('too many open files'), { code: 'EMFILE' });

/** A host whose disk takes no write while `isFull`. */
function hostWithDisk(trouble: () => Error = FULL): {
  host: TestHost;
  disk: { isFull: boolean };
} {
  const host = new TestHost();
  const disk = { isFull: false };
  const failing =
    <A extends unknown[], R>(write: (...args: A) => R) =>
    (...args: A): R => {
      if (disk.isFull) throw trouble();
      return write(...args);
    };
  host.adjust = (ports): AgentPorts => ({
    ...ports,
    openStore: () => {
      const store = ports.openStore();
      const session: SessionRow = {
        ...store.session,
        raise: failing(store.session.raise),
        welcome: failing(store.session.welcome),
        saw: failing(store.session.saw),
      };
      const inbox = { ...store.inbox, store: failing(store.inbox.store) };
      return { ...store, session, inbox };
    },
  });
  return { host, disk };
}

test.each([
  ['a disk that is full', FULL],
  ['a process without handles', NO_HANDLES],
])('T24: %s when the session ends does not end the agent', async (_what, trouble) => {
  const { host, disk } = hostWithDisk(trouble);
  const agent = host.boot();
  await until(() => host.coordinator.of('check').length === 1, 'a session');
  disk.isFull = true;
  host.coordinator.last.drop();
  await host.clock.advance(120_000);
  expect(agent.error).toBeUndefined();
  disk.isFull = false;
  await host.clock.advance(60_000);
  await until(() => host.coordinator.of('check').length > 1, 'a session again');
  agent.stop();
  await agent.ended;
});

test('T24: a command that the full disk cannot keep is not accepted, and comes again', async () => {
  const { host, disk } = hostWithDisk();
  host.coordinator.onFrame = (frame, session) => {
    if (frame.kind === 'check') session.send({ kind: 'command', message: COMMAND });
    return false;
  };
  const agent = host.boot();
  await until(() => host.coordinator.of('check').length === 1, 'a session');
  disk.isFull = true;
  await host.clock.advance(120_000);
  expect(agent.error).toBeUndefined();
  disk.isFull = false;
  await host.clock.advance(60_000);
  await until(() => host.coordinator.of('accept').length > 0, 'the acceptance');
  agent.stop();
  await agent.ended;
});

test('T24: a lock that the disk refuses is not called another agent', async () => {
  const layout = layoutOf(new TestHost().dir);
  mkdirSync(layout.lockPath, { recursive: true });
  await expect(takeLock(layout)).rejects.toMatchObject({ code: 'file-unwritable' });
});
