/* P5: upgrades that leave the work of their host alone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../../test/support/manual-clock.ts';
import { bootLive, ended, endOf, grantsAll, order } from './support/driving.ts';
import { NEW, OLD, TestHost } from './support/host.ts';
import { listTasks, overOf, runTask, said, shell, when } from './support/tasks.ts';

const CLEANUP = { kind: 'cleanup', message: { component: 'agent', commandId: 'c' } } as const;

test('U23 P5: what is only to be made ready is fetched and rehearsed, asks for nothing, and is reported as staged', async () => {
  const host = new TestHost();
  const agent = await bootLive(host);
  grantsAll(host);
  order(host, { pace: 'fetch-only' });
  const end = await endOf(host);
  expect(end).toMatchObject({ outcome: 'staged', code: '', current: { digest: OLD.digest } });
  expect(end.steps.map(({ step }) => step)).toEqual([
    ...['preflight', 'fetching', 'staged', 'rehearsed', 'reporting'],
  ]);
  expect(host.coordinator.of('permission')).toEqual([]);
  expect(agent.launcher.requests('try')).toEqual([]);
  agent.stop();
  await ended(agent);
});

test('U24: cleanup leaves what was made ready, until it was given', async () => {
  const host = new TestHost();
  const agent = await bootLive(host);
  order(host, { pace: 'fetch-only' });
  await endOf(host);
  host.slotDirs = { agent: ['0.8.0-dddddddd', NEW.dir, OLD.dir], launcher: [] };
  host.recordedDirs = new Set([OLD.dir]);
  await host.clock.advance(1_000);
  host.coordinator.last.send(CLEANUP);
  await until(() => host.removed.length > 0, 'the cleanup');
  expect(host.removed).toEqual(['agent/0.8.0-dddddddd']);
  host.recordedDirs = new Set([NEW.dir, OLD.dir]);
  host.slotDirs = { agent: ['0.9.0-eeeeeeee', NEW.dir], launcher: [] };
  host.coordinator.last.send(CLEANUP);
  await until(() => host.removed.length > 1, 'the next cleanup');
  host.recordedDirs = new Set([OLD.dir]);
  host.coordinator.last.send(CLEANUP);
  await until(() => host.removed.includes(`agent/${NEW.dir}`), 'the last cleanup');
  agent.stop();
  await ended(agent);
});

test('C25: an order at a pace that this version does not know is refused, and nothing is touched', async () => {
  const host = new TestHost();
  const agent = await bootLive(host);
  grantsAll(host);
  order(host, { pace: 'gently' });
  expect(await endOf(host)).toMatchObject({ outcome: 'failed', code: 'pace-unknown', steps: [] });
  agent.stop();
  await ended(agent);
});

function permissionsOf(host: TestHost): readonly string[] {
  return host.coordinator.of('permission').map(({ point }) => point);
}

function waitsOf(host: TestHost): readonly string[] {
  return host.coordinator
    .of('progress')
    .filter(({ commandId, step }) => commandId === 'command-1' && step === 'rehearsed')
    .map(({ holdReason }) => holdReason);
}

test('U25: a soft upgrade asks for nothing while a task runs, lets others begin, ends none, and goes on when none runs', async () => {
  const host = new TestHost();
  const go = join(host.dir, 'go');
  listTasks(host, {
    first: shell(`while [ ! -e ${go} ]; do sleep 0.05; done`),
    second: shell('exit 0'),
  });
  const agent = await bootLive(host);
  grantsAll(host);
  runTask(host, 'first');
  await when(() => said(host).length > 0);
  order(host, { pace: 'soft' });
  await when(() => waitsOf(host).includes('busy'));
  runTask(host, 'second');
  expect((await overOf(host, 'second')).finish).toMatchObject({ outcome: 'succeeded' });
  expect(permissionsOf(host)).toEqual([]);
  expect(agent.launcher.requests('try')).toEqual([]);
  writeFileSync(go, '');
  await when(() => agent.exit !== undefined);
  expect(permissionsOf(host)).toEqual(['drain', 'switch']);
  expect(waitsOf(host).at(-1)).toBe('');
  expect(
    said(host).filter(({ run, outcome }) => run === 'first/1' && outcome !== ''),
  ).toMatchObject([{ outcome: 'succeeded' }]);
});
