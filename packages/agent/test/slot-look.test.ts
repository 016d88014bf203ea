import type { SlotChanges } from '@moult/core/changed-files';
import { expect, test } from 'vitest';
import { until } from '../../../test/support/manual-clock.ts';
import { components, LAUNCHER, OLD, TestHost } from './support/host.ts';

const FILE = {
  path: 'lib/agent.cjs',
  how: 'changed',
  sha256: null,
  bytes: 4,
  modifiedMs: 5,
} as const;
const CHANGED: SlotChanges = { files: [FILE], count: 1 };

async function started(host: TestHost) {
  const booted = host.boot({
    components: components({
      launcher: { committed: LAUNCHER, previous: null, trialAttemptId: null, refused: [] },
    }),
  });
  await until(() => host.coordinator.of('report').length > 0, 'a report');
  const marks = () => host.coordinator.of('report').at(-1)?.marks ?? [];
  return { ...booted, marks };
}

test('H16: what somebody has changed is reported soon after the start, and what is so no more with the hourly question', async () => {
  const host = new TestHost();
  host.changed.set(OLD.dir, { files: [{ ...FILE, path: 'x'.repeat(300) }], count: 230 });
  const { marks, stop, ended } = await started(host);
  expect(marks()).toEqual([]);
  for (let turn = 0; turn < 50 && marks().length === 0; turn++) await host.clock.advance(500);
  expect(marks()).toEqual(['changed by hand']);
  const [agent, launcher] = host.coordinator.of('report').at(-1)?.components ?? [];
  expect(agent).toMatchObject({ changedCount: 230, changed: [{ path: 'x'.repeat(200) }] });
  expect(launcher).toMatchObject({ changedCount: 0, changed: [] });

  host.changed.clear();
  const kept = { dir: '/k/1', component: 'agent', version: '1.0.0', keptMs: 1, changes: CHANGED };
  host.kept = [{ ...kept, component: 'agent' }];
  for (const { work } of host.schedules) work();
  for (let turn = 0; turn < 50 && marks().length > 0; turn++) await host.clock.advance(500);
  expect(marks()).toEqual([]);
  expect(host.coordinator.of('report').at(-1)?.kept).toMatchObject([{ dir: '/k/1' }]);
  stop();
  await ended;
});

test('H14: an agent without a launcher says so, and shows none that a boot record still names', async () => {
  const host = new TestHost();
  const booted = host.boot({
    launcherVersion: '',
    components: components({
      launcher: { committed: LAUNCHER, previous: null, trialAttemptId: null, refused: [] },
    }),
  });
  await until(() => host.coordinator.of('report').length > 0, 'a report');
  const report = host.coordinator.of('report').at(-1);
  expect(report?.marks).toEqual(['no launcher']);
  expect(report?.components[1]).toMatchObject({ component: 'launcher', current: null });
  booted.stop();
  await booted.ended;
});
