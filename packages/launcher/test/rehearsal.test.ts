import { existsSync, readFileSync } from 'node:fs';
import { systemClock } from '@moult/runtime/clock';
import { expect, test } from 'vitest';
import { moment } from '../../../test/support/moment.ts';
import { ProcessSpawner } from '../src/index.ts';
import { FakeClock } from './support/fake-clock.ts';
import { HostRoot } from './support/host-root.ts';
import { LauncherRun } from './support/launcher-run.ts';

const HANG = 'setInterval(() => undefined, 1_000);';
const NEVER = new AbortController().signal;

async function rehearsalOf(
  script: string,
  clock = systemClock as Pick<FakeClock, keyof FakeClock>,
) {
  const host = new HostRoot();
  const slot = host.install({ version: '1.1.0', script, isRaw: true });
  const spawner = new ProcessSpawner({ layout: host.layout, root: host.root, clock });
  return { host, slot, spawner, [Symbol.dispose]: () => host[Symbol.dispose]() };
}

async function rehearsed(script: string) {
  using rehearsal = await rehearsalOf(script);
  return await rehearsal.spawner.rehearse(rehearsal.slot, NEVER);
}

/** Processes end in their own time: looked at until it is so. */
async function whenGone(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`) && !/\) Z /.test(statOf(pid))) {
    await moment();
  }
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return ') Z ';
  }
}

test('PF3: a version passes by its exit code alone, whatever it prints', async () => {
  const passed = { kind: 'ended', outcome: 'passed', detail: '' };
  expect(await rehearsed('console.log("x".repeat(5e6)); process.exitCode = 20;')).toEqual(passed);
  expect(await rehearsed('console.log("all is well");')).toMatchObject({
    outcome: 'failed',
    detail: 'it ended with exit code 0 by itself',
  });
});

test('PF3: it is asked with the root that it would serve in, and says why it does not pass', async () => {
  const script =
    'console.log("first"); console.log(process.argv.slice(2).join(" ")); process.exit(22);';
  using rehearsal = await rehearsalOf(script);
  expect(await rehearsal.spawner.rehearse(rehearsal.slot, NEVER)).toEqual({
    ...{ kind: 'ended', outcome: 'failed' },
    detail: `--rehearse --root ${rehearsal.host.root}`,
  });
  const unreached = 'console.log("nobody answers"); process.exit(21);';
  expect(await rehearsed(unreached)).toMatchObject({
    ...{ outcome: 'not-reached', detail: 'nobody answers' },
  });
});

test('PF3: of a crash its last lines are kept', async () => {
  const result = await rehearsed('throw new Error("built to crash");');
  expect(result).toMatchObject({ outcome: 'failed' });
  expect('detail' in result ? result.detail : '').toMatch(
    /^it ended with exit code 1 by itself\n.*Error: built to crash\n/s,
  );
  expect(await rehearsed('process.kill(process.pid, "SIGSEGV");')).toMatchObject({
    detail: 'it ended with SIGSEGV by itself',
  });
});

test('PF5: one that somebody else has ended says nothing', async () => {
  for (const signal of ['SIGKILL', 'SIGTERM']) {
    expect(await rehearsed(`process.kill(process.pid, '${signal}'); ${HANG}`)).toEqual({
      kind: 'not-started',
      message: `${signal} ended it from outside, as the kernel does where memory runs out`,
    });
  }
});

test('PF3: one that cannot be started has failed', async () => {
  using host = new HostRoot();
  const program = { bytes: 'no program', mode: 0o755 };
  const slot = host.install({ version: '1.1.0', script: '', program });
  const spawner = new ProcessSpawner({ layout: host.layout, root: host.root, clock: systemClock });
  expect(await spawner.rehearse(slot, NEVER)).toMatchObject({
    ...{ kind: 'ended', outcome: 'failed' },
    detail: expect.stringMatching(/^it cannot be started: .*is no program$/),
  });
});

test('PF3: one that hangs is ended after a minute, with its children, whatever signals they ignore', async () => {
  const clock = new FakeClock();
  const script = `
    process.on('SIGTERM', () => undefined);
    const child = require('node:child_process').spawn('sleep', ['600']);
    require('node:fs').writeFileSync(__dirname + '/child', String(child.pid));
    console.error('waiting');
    ${HANG}`;
  using rehearsal = await rehearsalOf(script, clock);
  const childPath = `${rehearsal.host.slotDir(rehearsal.slot)}/lib/child`;
  const ended = rehearsal.spawner.rehearse(rehearsal.slot, NEVER);
  while (!existsSync(childPath) || readFileSync(childPath, 'utf8') === '') {
    await moment();
  }
  await clock.fire(60_000);
  expect(await ended).toMatchObject({
    outcome: 'failed',
    detail: expect.stringMatching(/^it did not end within 60 s/),
  });
  await whenGone(Number(readFileSync(childPath, 'utf8')));
});

test('PF3: one that eats memory is ended before the host suffers', async () => {
  const result = await rehearsed(
    'const all = []; setInterval(() => all.push(Buffer.alloc(64e6, 1)), 20);',
  );
  expect(result).toMatchObject({
    outcome: 'failed',
    detail: 'it took more than 512 MiB of memory',
  });
});

test('PF3: it gives way to everybody else, and is the first to go when memory runs out', async () => {
  const result = await rehearsed(`
    const look = () => {
      const score = require('node:fs').readFileSync('/proc/self/oom_score_adj', 'utf8').trim();
      const nice = require('node:os').getPriority();
      if (score !== '1000' || nice <= 0) return void setImmediate(look);
      process.exit(20);
    };
    look();`);
  expect(result).toMatchObject({ outcome: 'passed' });
});

test('PF6: nobody waits for it any more: it is ended', async () => {
  const told = new AbortController();
  const script = `require('node:fs').writeFileSync(__dirname + '/pid', String(process.pid)); ${HANG}`;
  using rehearsal = await rehearsalOf(script);
  const pidPath = `${rehearsal.host.slotDir(rehearsal.slot)}/lib/pid`;
  const ended = rehearsal.spawner.rehearse(rehearsal.slot, told.signal);
  while (!existsSync(pidPath) || readFileSync(pidPath, 'utf8') === '') {
    await moment();
  }
  told.abort(new Error('not needed'));
  await expect(ended).rejects.toThrow('not needed');
  await whenGone(Number(readFileSync(pidPath, 'utf8')));
});

const asking = (slots: readonly unknown[]) => `
open((message) => {
  if (message.kind === 'spawned') {
    beat();
    for (const slot of ${JSON.stringify(slots)}) ask({ kind: 'rehearse', slot });
  }
  if (['rehearsed', 'failed'].includes(message.kind)) {
    print([message.kind, message.id, message.outcome ?? message.code, message.detail ?? ''].join(' '));
  }
});`;

test('PF6: the agent is told how it went, and goes on; the later request ends the earlier', async () => {
  using host = new HostRoot();
  const hanging = host.install({ version: '1.1.0', script: HANG, isRaw: true });
  const good = host.install({ version: '1.2.0', script: 'process.exit(20);', isRaw: true });
  const nowhere = { version: '9.9.9', digest: 'f'.repeat(64), dir: '9.9.9-ffffffff' };
  host.writeRecord(host.install({ version: '1.0.0', script: asking([hanging, good]) }));
  await using run = new LauncherRun(host);
  await run.journal.until('agent: rehearsed 2 passed');
  await run.stop();
  host.writeRecord(host.install({ version: '1.0.1', script: asking([nowhere]) }));
  await using other = new LauncherRun(host);
  await other.journal.until('agent: failed 1 boot-slot-incomplete');
});
