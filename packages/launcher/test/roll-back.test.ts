import type { Slot } from '@moult/core/boot';
import { expect, test } from 'vitest';
import { FileDisk } from '../src/index.ts';
import { HostRoot } from './support/host-root.ts';
import { LauncherRun } from './support/launcher-run.ts';

const EVIDENCE = {
  reason: 'rolled-back-by-owner',
  detail: 'root: it is loud',
  exitCode: null,
  signal: null,
  logLines: [],
  samples: [],
} as const;

/** Goes back by hand, and leaves with the code. */
const goingBack = (exitCode: number) => `
if (probe) leave(0);
open((message) => {
  if (message.kind === 'spawned') {
    beat();
    print('up ' + spawned.slot.version);
    ask({ kind: 'roll-back', component: 'agent', attemptId: 'owner/1', evidence: ${JSON.stringify(EVIDENCE)} });
  }
  if (message.kind === 'done') leave(${exitCode});
  if (message.kind === 'failed') print('failed ' + message.code);
});`;

/** Says what it was told of the one that was left, and tries to go back once more. */
const BEFORE = `
if (probe) leave(0);
open((message) => {
  if (message.kind === 'spawned') {
    beat();
    const { previous, refused } = spawned.components.agent;
    print('up ' + spawned.slot.version + ' before ' + previous.version + ' refused ' + refused[0].evidence.reason);
    ask({ kind: 'roll-back', component: 'agent', attemptId: 'owner/2', evidence: {} });
  }
  if (message.kind === 'failed') print('failed ' + message.code);
});`;

function upgraded(exitCode: number): { host: HostRoot; old: Slot; next: Slot } {
  const host = new HostRoot();
  const old = host.install({ version: '1.0.0', script: BEFORE });
  const next = host.install({ version: '2.0.0', script: goingBack(exitCode) });
  host.writeRecord(old);
  const record = host.record();
  const agent = { ...record.components.agent, committed: next, previous: old };
  host.writeRecord({ ...record, components: { ...record.components, agent } });
  return { host, old, next };
}

test('B21: the version before boots at once, is told what was left, and going back twice comes forward to nothing', async () => {
  const { host, old, next } = upgraded(75);
  using _host = host;
  await using run = new LauncherRun(host);
  await run.journal.until('agent: up 2.0.0');
  await run.journal.until('agent: up 1.0.0 before 2.0.0 refused rolled-back-by-owner');
  await run.journal.until('agent: failed boot-slot-refused');
  const { agent } = host.record().components;
  expect(agent).toMatchObject({ committed: old, previous: next, trial: null });
  expect(agent.refused).toEqual([
    { version: '2.0.0', digest: next.digest, attemptId: 'owner/1', evidence: EVIDENCE },
  ]);
});

test('B21: whatever ends the process after the answer, or the launcher, the host boots what the record says', async () => {
  const { host } = upgraded(9);
  using _host = host;
  {
    await using run = new LauncherRun(host);
    await run.journal.until('agent: up 2.0.0');
    await run.clock.fire(1_000);
    await run.journal.until('agent: up 1.0.0');
  }
  await using run = new LauncherRun(host);
  await run.journal.until('agent: up 1.0.0');
});

test('B4 B21: a disk that does not take the record leaves the host as it was', async () => {
  const { host, next } = upgraded(75);
  using _host = host;
  const disk = new FileDisk(host.layout);
  disk.writeRecord = async () => {
    throw new Error('ENOSPC: no space left on device');
  };
  await using run = new LauncherRun(host, { disk });
  await run.journal.until('agent: failed boot-record-unwritable');
  expect(host.record().components.agent).toMatchObject({ committed: next, refused: [] });
});
