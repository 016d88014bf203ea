/* B20: the process that is to serve next waits beside the one that works. */
import { existsSync, readFileSync } from 'node:fs';
import type { Slot } from '@moult/core/boot';
import { expect, test } from 'vitest';
import { moment } from '../../../test/support/moment.ts';
import { ProcessSpawner } from '../src/index.ts';
import { FakeClock } from './support/fake-clock.ts';
import { HostRoot } from './support/host-root.ts';
import { LauncherRun } from './support/launcher-run.ts';

/** Waits when it is told to, and prints in which order things happened to it. */
const WAITING = `
open((message) => {
  if (message.kind !== 'spawned') return;
  beat();
  print('up ' + spawned.slot.version + (process.env.MOULT_WAITS ? ' prepared ' : ' new ') + process.pid);
});
if (process.env.MOULT_WAITS) { print('waits ' + process.pid); say({ kind: 'prepared' }); }`;

/** Has `prepared` started beside it, then makes way for `next`. */
const preparing = (prepared: Slot, next: Slot) => `
open((message) => {
  if (message.kind === 'spawned') {
    beat();
    if (spawned.components.agent.refused.length === 0) ask({ kind: 'prepare', slot: ${JSON.stringify(prepared)} });
  }
  if (message.kind === 'done' && message.id === 2) leave(75);
  else if (message.kind === 'done' || message.kind === 'failed') {
    print(message.kind + ' ' + (message.message ?? ''));
    ask({ kind: 'try', component: 'agent', slot: ${JSON.stringify(next)}, attemptId: 'c1/1', probationMs: 5000 });
  }
});`;

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return ') Z ';
  }
}

async function whenGone(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`) && !/\) Z /.test(statOf(pid))) {
    await moment();
  }
}

const pidIn = ({ message }: { readonly message: string }) => Number(/(\d+)$/.exec(message)?.[1]);

test('B20: what was prepared is what serves, and what it said before is not lost', async () => {
  using host = new HostRoot();
  const next = host.install({ version: '1.1.0', script: WAITING });
  host.writeRecord(host.install({ version: '1.0.0', script: preparing(next, next) }));
  await using run = new LauncherRun(host);
  await run.journal.until('agent: done');
  const waits = await run.journal.until(/^agent: waits/);
  const up = await run.journal.until(/^agent: up 1\.1\.0 prepared/);
  expect(pidIn(up)).toBe(pidIn(waits));
});

test('B20: where another version is booted, what was prepared is ended', async () => {
  using host = new HostRoot();
  const prepared = host.install({
    version: '1.1.0',
    script: `${WAITING}\nrequire('node:fs').writeFileSync(__dirname + '/pid', String(process.pid));`,
  });
  const next = host.install({ version: '1.2.0', script: WAITING });
  host.writeRecord(host.install({ version: '1.0.0', script: preparing(prepared, next) }));
  await using run = new LauncherRun(host);
  await run.journal.until(/^agent: up 1\.2\.0 new/);
  await whenGone(Number(readFileSync(`${host.slotDir(prepared)}/lib/pid`, 'utf8')));
});

test('B20: one that ends, or says something else, is none: the next start is an ordinary one', async () => {
  for (const [script, why] of [
    ['if (process.env.MOULT_WAITS) leave(1);', 'it ended by itself'],
    [
      'if (process.env.MOULT_WAITS) { open(() => undefined); beat(); }',
      'it did not say that it waits',
    ],
  ] as const) {
    using host = new HostRoot();
    const next = host.install({ version: '1.1.0', script: `${script} else { ${WAITING} }` });
    host.writeRecord(host.install({ version: '1.0.0', script: preparing(next, next) }));
    await using run = new LauncherRun(host);
    await run.journal.until(`agent: failed ${why}`);
    await run.journal.until(/^agent: up 1\.1\.0 new/);
  }
});

test('B20: it has ten seconds to be ready, waits for ten minutes at most, and ends with its launcher', async () => {
  const clock = new FakeClock();
  using host = new HostRoot();
  const slow = host.install({
    version: '1.1.0',
    script: 'setInterval(() => 0, 1000);',
    isRaw: true,
  });
  const good = host.install({ version: '1.2.0', script: WAITING });
  const spawner = new ProcessSpawner({ layout: host.layout, root: host.root, clock });
  const late = spawner.prepare(slow);
  await clock.fire(10_000);
  expect(await late).toBe('it did not wait within 10 s');
  for (const end of [() => clock.fire(600_000), async () => spawner.dropPrepared()]) {
    expect(await spawner.prepare(good)).toBeNull();
    expect(await spawner.prepare(good)).toBeNull();
    await end();
    const lines: string[] = [];
    const listener = { onLine: () => undefined, onLog: (line: string) => lines.push(line) };
    const result = await spawner.spawn({ slot: good, isChecked: false }, listener);
    if (result.kind !== 'spawned') throw new Error(result.message);
    const message = { kind: 'stop', graceMs: 1 } as const;
    result.agent.send(message);
    await result.agent.ended;
    expect(lines).toEqual([]);
  }
});
