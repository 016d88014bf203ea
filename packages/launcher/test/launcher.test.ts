import { existsSync, lstatSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { HEARTBEAT_MS, type Slot } from '@moult/core/boot';
import { expect, test } from 'vitest';
import { FileDisk } from '../src/index.ts';
import { HostRoot } from './support/host-root.ts';
import { LauncherRun } from './support/launcher-run.ts';

const GOOD = `
if (probe) leave(0);
open((message) => {
  if (message.kind === 'spawned') { beat(); print('up ' + spawned.slot.version); }
});`;

/** Asks once to try `next`, then leaves with 75; if it was refused, stays. */
const ordering = (next: Slot, attemptId = 'c1/1') => `
if (probe) leave(0);
open((message) => {
  if (message.kind === 'spawned') {
    beat();
    const { refused } = spawned.components.agent;
    print('up ' + spawned.slot.version + ' refused ' + refused.length);
    if (refused.length === 0 && spawned.components.agent.trialAttemptId === null) {
      ask({ kind: 'try', component: 'agent', slot: ${JSON.stringify(next)}, attemptId: '${attemptId}', probationMs: 5000 });
    }
  }
  if (message.kind === 'done') leave(75);
  if (message.kind === 'failed') print('failed ' + message.code);
});`;

const COMMITTING = `
if (probe) leave(0);
open((message) => {
  if (message.kind === 'spawned') {
    beat();
    print('trial ' + spawned.components.agent.trialAttemptId);
    ask({ kind: 'commit', component: 'agent', attemptId: 'c1/1' });
  }
  if (message.kind === 'done') {
    print('committed');
    if (message.id === 1) ask({ kind: 'commit', component: 'agent', attemptId: 'c1/1' });
  }
});`;

function hostWith(next: Parameters<HostRoot['install']>[0]): {
  host: HostRoot;
  old: Slot;
  next: Slot;
} {
  const host = new HostRoot();
  const nextSlot = host.install(next);
  const old = host.install({ version: '1.0.0', script: ordering(nextSlot) });
  host.writeRecord(old);
  return { host, old, next: nextSlot };
}

function linkOf(host: HostRoot, name: string): string | null {
  const path = `${host.layout.prefixDir}/versions/${name}`;
  return existsSync(path) ? basename(readlinkSync(path)) : null;
}

test('a committed version boots, nothing is written to the record, the links show it; 76 boots it again; a stop ends it with 0', async () => {
  using host = new HostRoot();
  const slot = host.install({
    version: '1.0.0',
    script: `open((message) => {
      if (message.kind !== 'spawned') return;
      beat();
      const flag = require('node:path').join(__dirname, 'flag');
      if (require('node:fs').existsSync(flag)) print('again ' + process.env.NOTIFY_SOCKET + process.env.NODE_OPTIONS);
      else { require('node:fs').writeFileSync(flag, ''); leave(76); }
    });`,
  });
  host.writeRecord(slot);
  const before = lstatSync(host.layout.bootRecordPath).ino;
  await using run = new LauncherRun(host);
  await run.journal.until('ready');
  await run.journal.until('again undefinedundefined');
  expect(await run.stop()).toBe(0);
  expect(lstatSync(host.layout.bootRecordPath).ino).toBe(before);
  expect(linkOf(host, 'current')).toBe(slot.dir);
  expect(linkOf(host, 'previous')).toBeNull();
});

test('H7: a version that is asked for is tried after exit code 75 and committed when it says so, again when repeated', async () => {
  const { host, old, next } = hostWith({ version: '2.0.0', script: COMMITTING });
  using _host = host;
  await using run = new LauncherRun(host);
  await run.journal.until('agent: up 1.0.0');
  await run.journal.until('agent: trial c1/1');
  await run.journal.until('agent: committed');
  await run.journal.until('agent: committed');
  const { agent } = host.record().components;
  expect(agent).toMatchObject({
    committed: next,
    previous: old,
    trial: null,
    committedAttemptId: 'c1/1',
  });
  expect(linkOf(host, 'current')).toBe(next.dir);
  expect(linkOf(host, 'previous')).toBe(old.dir);
});

test('H11: a version that crashes three times is rolled back, with its exit code and last words', async () => {
  const { host, old } = hostWith({ version: '2.0.0', script: `print('last words'); leave(9);` });
  using _host = host;
  await using run = new LauncherRun(host);
  await run.clock.fire(1_000);
  await run.clock.fire(2_000);
  await run.journal.until('agent: up 1.0.0 refused 1');
  const { agent } = host.record().components;
  expect(agent.trial).toBeNull();
  expect(agent.committed).toEqual(old);
  expect(agent.refused[0]).toMatchObject({ version: '2.0.0', attemptId: 'c1/1' });
  expect(agent.refused[0]?.evidence).toMatchObject({
    reason: 'crashed',
    exitCode: 9,
    logLines: ['last words'],
  });
  expect(run.journal.lines.filter((line) => line.message === 'agent: last words')).toHaveLength(3);
});

test('H11: a version that hangs is refused at once after twelve of the launcher ticks', async () => {
  const { host } = hostWith({
    version: '2.0.0',
    script: `open(() => undefined); print('mute'); every(1000, () => undefined);`,
  });
  using _host = host;
  await using run = new LauncherRun(host);
  await run.journal.until('agent: mute');
  await run.clock.fireTimes(HEARTBEAT_MS, 12);
  await run.journal.until('agent: up 1.0.0 refused 1');
  expect(host.record().components.agent.refused[0]?.evidence).toMatchObject({
    reason: 'hung',
    signal: 'SIGKILL',
  });
});

const deaf = (more = '') => `
const beats = { reached: false, ...({ ${more} }) };
if (probe) leave(10);
open((message) => {
  if (message.kind === 'spawned') { beat(beats); every(10, () => beat(beats)); print('deaf'); }
  if (message.kind === 'dial') { print('dial'); ask({ kind: 'dialled', reached: false }); }
  if (message.kind === 'probed') print('probed ' + message.version + ' ' + message.reached);
});`;

test('H11: a version that cannot reach the coordinator where the old one can is rolled back after the second failure', async () => {
  const { host } = hostWith({ version: '2.0.0', script: deaf() });
  using _host = host;
  await using run = new LauncherRun(host);
  await run.journal.until('agent: deaf');
  // 50 s are asked for; the watched time is never less than a minute.
  await run.watch(12);
  await run.journal.until('verdict: dialling');
  await run.journal.until('verdict: open');
  await run.watch(12);
  await run.journal.until('verdict: dialling');
  await run.journal.until('agent: up 1.0.0 refused 1');
  expect(host.record().components.agent.refused[0]?.evidence).toMatchObject({
    reason: 'cannot-reach-coordinator',
  });
  expect(run.journal.lines.some((line) => line.message === 'agent: probed 1.0.0 true')).toBe(true);
});

test('H11: where the old one cannot reach the coordinator either, the new one stays, and is probed again after an hour', async () => {
  using host = new HostRoot();
  const next = host.install({ version: '2.0.0', script: deaf() });
  const old = host.install({
    version: '1.0.0',
    script: ordering(next).replace('leave(0)', 'leave(10)'),
  });
  host.writeRecord(old);
  await using run = new LauncherRun(host);
  await run.journal.until('agent: deaf');
  await run.watch(12);
  await run.journal.until('verdict: world-broken');
  await run.watch(720);
  await run.journal.until('probing');
  await run.journal.until('agent: deaf');
  expect(host.record().components.agent).toMatchObject({
    refused: [],
    trial: { slot: next, tries: 1 },
  });
});

test('H11: own checks that fail when the watched time ends roll it back', async () => {
  const { host } = hostWith({
    version: '2.0.0',
    script: deaf(`reached: true, healthy: false, trouble: 'no disk'`),
  });
  using _host = host;
  await using run = new LauncherRun(host);
  await run.journal.until('agent: deaf');
  await run.watch(12);
  await run.journal.until('agent: up 1.0.0 refused 1');
  const evidence = host.record().components.agent.refused[0]?.evidence;
  expect(evidence).toMatchObject({
    reason: 'own-checks-failed',
    detail: expect.stringContaining('no disk'),
  });
  expect(evidence?.samples.length).toBeGreaterThan(0);
});

test.for([
  { name: 'not executable', bytes: '#!/bin/sh\n', mode: 0o644 },
  { name: 'for another machine', bytes: '\x7fELF garbage', mode: 0o755 },
])(
  'H11: a version whose program is $name is not started three times, then refused',
  async ({ bytes, mode }) => {
    const { host } = hostWith({ version: '2.0.0', script: '', program: { bytes, mode } });
    using _host = host;
    await using run = new LauncherRun(host);
    await run.clock.fire(1_000);
    await run.clock.fire(2_000);
    await run.journal.until('agent: up 1.0.0 refused 1');
    expect(host.record().components.agent.refused[0]?.evidence.reason).toBe('not-started');
  },
);

test('a slot that is not there is not tried', async () => {
  const host = new HostRoot();
  using _host = host;
  const digest = 'a'.repeat(64);
  const missing = { version: '3.0.0', digest, dir: `3.0.0-${digest.slice(0, 8)}` };
  host.writeRecord(host.install({ version: '1.0.0', script: ordering(missing) }));
  await using run = new LauncherRun(host);
  await run.journal.until('agent: failed boot-slot-incomplete');
});

test('a committed version whose slot is gone gives way to the previous one, and the record stays as it is', async () => {
  using host = new HostRoot();
  const previous = host.install({ version: '1.0.0', script: GOOD });
  const committed = host.install({ version: '2.0.0', script: GOOD });
  host.writeRecord(committed);
  const record = host.record();
  host.writeRecord({
    ...record,
    components: { ...record.components, agent: { ...record.components.agent, previous } },
  });
  rmSync(host.slotDir(committed), { recursive: true });
  await using run = new LauncherRun(host);
  await run.journal.until('agent: up 1.0.0');
  expect(host.record().components.agent.committed).toEqual(committed);
});

test('a committed version that lost its script, or half of it, gives way to the previous one', async () => {
  for (const harm of [(path: string) => rmSync(path), (path: string) => writeFileSync(path, '')]) {
    using host = new HostRoot();
    const previous = host.install({ version: '1.0.0', script: GOOD });
    const committed = host.install({ version: '2.0.0', script: GOOD });
    host.writeRecord(committed);
    const record = host.record();
    host.writeRecord({
      ...record,
      components: { ...record.components, agent: { ...record.components.agent, previous } },
    });
    harm(`${host.slotDir(committed)}/lib/agent.cjs`);
    await using run = new LauncherRun(host);
    await run.journal.until('agent: up 1.0.0');
    expect(host.record().components.agent.committed).toEqual(committed);
  }
});

test('an unreadable record is kept aside, and what the link shows boots', async () => {
  using host = new HostRoot();
  const slot = host.install({ version: '1.0.0', script: GOOD });
  host.install({ version: '2.0.0', script: GOOD });
  writeFileSync(host.layout.bootRecordPath, '{"format":1,"revi');
  await new FileDisk(host.layout).writeLink({ component: 'agent', name: 'current' }, slot.dir);
  await using run = new LauncherRun(host);
  await run.journal.until('agent: up 1.0.0');
  expect(host.record().components.agent.committed).toEqual(slot);
  expect(
    readdirSync(host.layout.stateDir).some((name) => name.startsWith('boot.json.unreadable-')),
  ).toBe(true);
});

test('without record and links the newest complete version boots', async () => {
  using host = new HostRoot();
  host.install({ version: '1.0.0', script: GOOD });
  host.install({ version: '2.0.0', script: GOOD });
  const broken = host.install({ version: '3.0.0', script: GOOD });
  rmSync(`${host.slotDir(broken)}/lib/agent.cjs`);
  await using run = new LauncherRun(host);
  await run.journal.until('agent: up 2.0.0');
});

test('a record that cannot be written: the try is refused to the agent, a trial boots the version before', async () => {
  const { host, old } = hostWith({ version: '2.0.0', script: GOOD });
  using _host = host;
  const disk = new FileDisk(host.layout);
  let isFull = true;
  disk.writeRecord = async (text) => {
    if (isFull) throw new Error('ENOSPC: no space left on device');
    await new FileDisk(host.layout).writeRecord(text);
  };
  {
    await using run = new LauncherRun(host, { disk });
    await run.journal.until('agent: failed boot-record-unwritable');
    isFull = false;
  }
  const record = host.record();
  const slot = host.install({ version: '3.0.0', script: GOOD });
  const trial = {
    slot,
    attemptId: 'c2/1',
    tries: 0,
    rebootTries: 0,
    bootId: null,
    watchedLeftMs: 50_000,
  };
  const { agent } = record.components;
  host.writeRecord({ ...record, components: { ...record.components, agent: { ...agent, trial } } });
  isFull = true;
  await using run = new LauncherRun(host, { disk });
  await run.journal.until(`agent: up ${old.version}`);
  expect(host.record().components.agent.trial).toEqual(trial);
});

test('rubbish and unknown messages on the pipe harm nobody', async () => {
  using host = new HostRoot();
  const slot = host.install({
    version: '1.0.0',
    script: `open((message) => {
      if (message.kind === 'spawned') {
        pipe.write('x'.repeat(3 << 20) + '\\n');
        pipe.write('not json\\n[]\\n{"kind":7}\\n\\n');
        ask({ kind: 'sing' });
        ask({ kind: 'try', component: 'agent', slot: { dir: '../../etc' }, attemptId: 'c', probationMs: 1 });
        ask({ kind: 'commit', component: 'agent', attemptId: 'nobody' });
      }
      if (message.kind !== 'spawned') print(message.kind + ' ' + message.id + ' ' + (message.what || message.code));
    });`,
  });
  host.writeRecord(slot);
  await using run = new LauncherRun(host);
  await run.journal.until('unsupported 1 sing');
  await run.journal.until('unsupported 2 try');
  await run.journal.until('failed 3 boot-trial-stale');
});
