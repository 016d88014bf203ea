import { readFileSync, writeFileSync } from 'node:fs';
import { type BootRecord, type Slot, type Trial, withWatchedLeft } from '@moult/core/boot';
import { type Clock, systemClock } from '@moult/runtime/clock';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { firstLauncherCommand, readStartTime } from '../src/index.ts';
import { type SupervisorEvent, supervise } from '../src/supervisor.ts';
import { bundledLauncher } from './support/bundle.ts';
import { FakeClock } from './support/fake-clock.ts';
import { HostRoot } from './support/host-root.ts';
import { Journal } from './support/launcher-run.ts';

let bundle: ReturnType<typeof bundledLauncher>;
beforeAll(() => {
  bundle = bundledLauncher();
});
afterAll(() => bundle[Symbol.dispose]());

/** The whole host in real processes: supervisor, first launcher, agent. */
class SupervisedHost implements AsyncDisposable {
  readonly journal: Journal = new Journal();
  readonly exit: Promise<number>;
  readonly #stop = new AbortController();

  constructor(host: HostRoot, more: { readonly watchdogMs?: number; readonly clock?: Clock } = {}) {
    this.exit = supervise(
      {
        command: firstLauncherCommand({ layout: host.layout, root: host.root }),
        clock: systemClock,
        restartMs: 20,
        ...more,
        onLine: (line) => this.journal.info(line),
        onEvent: (event: SupervisorEvent) =>
          this.journal.info(`supervisor: ${event.kind}`, { ...event }),
      },
      this.#stop.signal,
    );
  }

  stop(): Promise<number> {
    this.#stop.abort();
    return this.exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Tells which launcher it lives under; with a `digest` to try, asks for that launcher and leaves with 75. */
const reporting = (next: Slot | null, commits = false) => `
if (probe) leave(0);
const next = ${JSON.stringify(next)};
open((message) => {
  if (message.kind === 'spawned') {
    require('node:fs').writeFileSync(process.argv[process.argv.indexOf('--root') + 1] + '/var/lib/moult/holder.json',
      JSON.stringify({ pid: process.pid, startTime: require('node:fs').readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[19] }));
    const { launcher } = spawned.components;
    print('AGENT under ' + spawned.launcherDigest + ' refused ' + launcher.refused.length + ' ppid ' + process.ppid);
    beat();
    if (next !== null && launcher.refused.length === 0 && launcher.committed === null) {
      if (launcher.trialAttemptId === null) ask({ kind: 'try', component: 'launcher', slot: next, attemptId: 'c1/1', probationMs: 5000 });
      else if (${commits}) ask({ kind: 'commit', component: 'launcher', attemptId: 'c1/1' });
    }
  }
  if (message.kind === 'done' && spawned.launcherDigest === null) leave(75);
  if (message.kind === 'done' && spawned.launcherDigest !== null) print('AGENT committed it');
});
every(1000, () => pipe && beat());`;

function hostWith(next: {
  readonly script: string;
  readonly isRaw?: boolean;
  readonly commits?: boolean;
}): { host: HostRoot; launcher: Slot } {
  const host = new HostRoot();
  host.copyFirstLauncher(bundle.path);
  const launcher = host.install({
    component: 'launcher',
    version: '2.0.0',
    script: next.script,
    isRaw: true,
  });
  host.writeRecord(host.install({ version: '1.0.0', script: reporting(launcher, next.commits) }));
  return { host, launcher };
}

test('H12: a launcher on trial is become by execve, commits, and is the one that runs after a restart', async () => {
  const { host, launcher } = hostWith({ script: readFileSync(bundle.path, 'utf8'), commits: true });
  using _host = host;
  {
    await using run = new SupervisedHost(host);
    const started = await run.journal.until('supervisor: started');
    await run.journal.until('AGENT under null');
    await run.journal.until('supervisor: ended');
    const again = await run.journal.until('supervisor: started');
    expect(again.fields['pid']).not.toBe(started.fields['pid']);
    const under = await run.journal.until(`AGENT under ${launcher.digest}`);
    expect(under.message).toContain(`ppid ${again.fields['pid']}`);
    await run.journal.until('AGENT committed it');
    expect(await run.stop()).toBe(0);
  }
  expect(host.record().components.launcher).toMatchObject({
    committed: launcher,
    previous: null,
    trial: null,
  });
  await using run = new SupervisedHost(host);
  await run.journal.until(`AGENT under ${launcher.digest}`);
});

test.for([
  { name: 'does not start', script: 'process.exit(3);' },
  {
    name: 'crashes at once',
    script: `if (process.argv.includes('--check')) process.exit(0); process.exit(3);`,
  },
  { name: 'ends as if told to', script: 'process.exit(0);' },
])(
  'H12, B17: a launcher that $name is refused after three tries, and the first launcher runs the agent',
  async ({ script }) => {
    const { host } = hostWith({ script });
    using _host = host;
    await using run = new SupervisedHost(host);
    await run.journal.until('AGENT under null refused 0');
    await run.journal.until('AGENT under null refused 1');
    const { launcher } = host.record().components;
    expect(launcher.trial).toBeNull();
    expect(launcher.committed).toBeNull();
    expect(launcher.refused).toHaveLength(1);
  },
);

test('B7: a first launcher that is asked to stop while it chooses ends at once: none is lost with its execve', async () => {
  const script = `process.kill(process.ppid, 'SIGTERM'); process.exit(0);`;
  const { host, launcher } = hostWith({ script });
  using _host = host;
  const record = host.record();
  const committed = { ...record.components.launcher, committed: launcher };
  host.writeRecord({ ...record, components: { ...record.components, launcher: committed } });
  await using run = new SupervisedHost(host);
  expect((await run.journal.until('supervisor: ended')).fields).toMatchObject({
    exitCode: null,
    signal: 'SIGTERM',
  });
});

test('T26: a committed launcher whose script was emptied gives way to the first launcher', async () => {
  const { host, launcher } = hostWith({ script: readFileSync(bundle.path, 'utf8') });
  using _host = host;
  const record = host.record();
  const committed = { ...record.components.launcher, committed: launcher };
  host.writeRecord({ ...record, components: { ...record.components, launcher: committed } });
  writeFileSync(`${host.slotDir(launcher, 'launcher')}/lib/launcher.cjs`, '');
  await using run = new SupervisedHost(host);
  const line = await run.journal.until(/AGENT under|supervisor: ended/);
  expect(line.message).toContain('AGENT under null');
});

test('H12: a launcher that hangs is ended by the watchdog, three times', async () => {
  const { host } = hostWith({
    script: `if (process.argv.includes('--check')) process.exit(0);
      const socket = require('node:net').connect(process.env.MOULT_NOTIFY_SOCKET);
      socket.write('READY=1\\n');
      require("node:net").createServer().listen();`,
  });
  using _host = host;
  const time = new FakeClock();
  const watchdogMs = 60_000;
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => (ms === watchdogMs ? time : systemClock).sleep(ms, signal),
  };
  await using run = new SupervisedHost(host, { watchdogMs, clock });
  await run.journal.until('AGENT under null refused 0');
  for (let count = 0; count < 3; count++) {
    await run.journal.until('supervisor: ready');
    await time.fire(watchdogMs);
    await run.journal.until('supervisor: unresponsive');
  }
  await run.journal.until('AGENT under null refused 1');
});

test('T9: a launcher that is killed leaves no agent behind: the next one ends the holder before it spawns', async () => {
  using host = new HostRoot();
  host.copyFirstLauncher(bundle.path);
  host.writeRecord(host.install({ version: '1.0.0', script: reporting(null) }));
  await using run = new SupervisedHost(host);
  const { fields } = await run.journal.until('supervisor: started');
  await run.journal.until('AGENT under null');
  const holder = JSON.parse(readFileSync(host.layout.holderPath, 'utf8')) as { pid: number };
  process.kill(Number(fields['pid']), 'SIGKILL');
  await run.journal.until('AGENT under null');
  // Gone, or a zombie that nobody in this container reaps.
  expect(await readStartTime(holder.pid)).toBeNull();
});

test('T9: killed in the middle of a trial, the launcher counts the try and goes on with the trial', async () => {
  using host = new HostRoot();
  host.copyFirstLauncher(bundle.path);
  const old = host.install({ version: '1.0.0', script: reporting(null) });
  const slot = host.install({
    version: '2.0.0',
    script: `${reporting(null)}\nprint('AGENT trial');`,
  });
  host.writeRecord(old);
  const record = host.record();
  const trial: Trial = {
    slot,
    attemptId: 'c1/1',
    tries: 0,
    rebootTries: 0,
    bootId: null,
    watchedLeftMs: 50_000,
  };
  host.writeRecord(onTrial(record, trial));
  await using run = new SupervisedHost(host);
  for (let tries = 1; tries <= 3; tries++) {
    const { fields } = await run.journal.until('supervisor: started');
    await run.journal.until('AGENT under null');
    expect(host.record().components.agent.trial?.tries).toBe(tries);
    process.kill(Number(fields['pid']), 'SIGKILL');
  }
  await run.journal.until('AGENT under null');
  expect(host.record().components.agent).toMatchObject({ trial: null, committed: old });
  expect(host.record().components.agent.refused[0]?.evidence.reason).toBe('crashed');
});

test('an ordered stop gives the try back', async () => {
  using host = new HostRoot();
  host.copyFirstLauncher(bundle.path);
  const old = host.install({ version: '1.0.0', script: reporting(null) });
  const slot = host.install({ version: '2.0.0', script: `${reporting(null)}\n//` });
  host.writeRecord(old);
  const trial: Trial = {
    slot,
    attemptId: 'c1/1',
    tries: 1,
    rebootTries: 0,
    bootId: null,
    watchedLeftMs: 50_000,
  };
  host.writeRecord(withWatchedLeft(onTrial(host.record(), trial), 'agent', 40_000));
  await using run = new SupervisedHost(host);
  await run.journal.until('AGENT under null');
  expect(host.record().components.agent.trial?.tries).toBe(2);
  expect(await run.stop()).toBe(0);
  expect(host.record().components.agent.trial?.tries).toBe(1);
});

test('a second launcher on one state directory ends with an error and changes nothing', async () => {
  using host = new HostRoot();
  host.copyFirstLauncher(bundle.path);
  host.writeRecord(host.install({ version: '1.0.0', script: reporting(null) }));
  await using run = new SupervisedHost(host);
  await run.journal.until('AGENT under null');
  await using second = new SupervisedHost(host);
  await second.journal.until('launcher-already-running');
  const end = await second.journal.until('supervisor: ended');
  expect(end.fields['exitCode']).toBe(1);
});

test('with nothing to boot the launcher says so, with what to do', async () => {
  using host = new HostRoot();
  host.copyFirstLauncher(bundle.path);
  writeFileSync(host.layout.bootRecordPath, 'rubbish');
  await using run = new SupervisedHost(host);
  const line = await run.journal.until('nothing-to-boot');
  expect(line.message).toContain('moult agent enroll');
});

function onTrial(record: BootRecord, trial: Trial): BootRecord {
  const { agent } = record.components;
  return { ...record, components: { ...record.components, agent: { ...agent, trial } } };
}
