/* What waits, for whom and why, how it is taken back, and what stays of it, through the real programs. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Agent, Attempt, Reason } from '@moult/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import type { Ran } from '../../scripts/fleet/program.ts';
import { TcpProxy } from '../../scripts/fleet/tcp-proxy.ts';
import { until } from '../../scripts/fleet/until.ts';
import { expectClearFailure } from '../support/clear-failure.ts';
import { BAD, CLOCKED, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { HeldLauncher } from '../support/held-launcher.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { RefusingCoordinator } from '../support/refusing-coordinator.ts';

const [SECOND] = GOOD;
const TEST_MS = 240_000;
const CLI_MS = 60_000;
/** A session and metadata go through; the script of a release, some megabytes, does not. */
const LESS_THAN_A_SCRIPT = 400_000;

let fleet: RealFleet;
/** Of another major version, as far as an agent can tell. */
let stranger: RefusingCoordinator;
const proxies: TcpProxy[] = [];
beforeAll(async () => {
  fleet = await RealFleet.open('queue');
  const { stateDir, caPem, port } = fleet.coordinator;
  stranger = await RefusingCoordinator.open({
    cert: await readFile(join(stateDir, 'tls', 'server.pem')),
    key: await readFile(join(stateDir, 'tls', 'server.key')),
    caPem,
    toPort: port,
    reason: 'protocol-unsupported',
  });
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
  for (const proxy of proxies) await proxy.close();
  await stranger?.close();
});

function moult(...args: readonly string[]): Promise<Ran> {
  return fleet.coordinator.moult(args, { timeoutMs: CLI_MS });
}

async function why(name: string): Promise<Reason | undefined> {
  const { reasons } = JSON.parse((await moult('why', name, '-o', 'json')).stdout);
  expect(reasons.length).toBeLessThan(2);
  return reasons[0];
}

async function behindProxy(
  name: string,
): Promise<{ readonly host: Host; readonly proxy: TcpProxy }> {
  const proxy = await TcpProxy.open({ toPort: fleet.coordinator.port });
  proxies.push(proxy);
  return { proxy, host: await fleet.host(name, { url: `https://127.0.0.1:${proxy.port}` }) };
}

/** As the owner of the host sees it: the coordinator could not be asked which version it should run. */
async function expectNoSession(host: Host, says: RegExp): Promise<void> {
  const status = ['agent', 'status', '--root', host.root];
  const { stdout } = await until(
    `${host.name} says ${says}`,
    async () => {
      const ran = await moult(...status);
      return says.test(ran.stdout) && ran;
    },
    { timeoutMs: 60_000, detail: () => host.tail() },
  );
  expect(stdout).toMatch(/^session: +desired-version-unavailable: .+\nnext: +Check that/m);
  expect(JSON.parse((await moult(...status, '-o', 'json')).stdout).noSession).toMatchObject({
    code: 'desired-version-unavailable',
    message: expect.stringMatching(says),
  });
}

/** How the work of its upgrade waits, once it has failed so often. */
async function failures(host: Host, count: number) {
  return await until(
    `${host.name} has failed ${count} times`,
    async () => {
      const { stdout } = await moult('agent', 'status', '--root', host.root, '-o', 'json');
      const { retry } = JSON.parse(stdout).upgrade;
      return retry?.failures === count && retry;
    },
    { timeoutMs: 60_000, detail: () => host.tail() },
  );
}

function isAt(step: string) {
  return (agent: Agent) => agent.upgrade?.step === step;
}

function isUpWith(version: string) {
  return ({ state, components }: Agent) =>
    state === 'Up' &&
    components.find(({ component }) => component === 'agent')?.current?.version === version;
}

describe.concurrent('side by side', () => {
  test(
    'H4 R10: an upgrade that was ordered for an agent which was never seen waits, and runs when it comes for the first time',
    async () => {
      const host = await fleet.host('newcomer', { starts: false });
      const command = await fleet.order('newcomer', SECOND);
      expect(await why('newcomer')).toMatchObject({
        reason: 'agent-down',
        detail: 'never seen',
        commandId: command.id,
        isWaitingForHost: true,
      });
      host.start();
      const { command: end, attempts } = await fleet.ended(command);
      expect(end.state).toBe('succeeded');
      expect(attempts).toMatchObject([{ from: FIRST_AGENT, to: SECOND }]);
      await host.whenAgent(fleet.coordinator, 'runs it', isUpWith(SECOND));
      await fleet.leave(host);
    },
    TEST_MS,
  );

  test(
    'R11: a command is skipped until its fetching starts and not after; revoked it ends at once',
    async () => {
      const { host, proxy } = await behindProxy('fetches-slowly');
      expect(await moult('agents', 'pause', host.name, '--wait')).toMatchObject({ code: 0 });
      const waiting = await fleet.order(host.name, SECOND);
      const skipped = await moult('commands', 'skip', waiting.id, '--why', 'not today');
      expect(skipped).toMatchObject({ code: 0 });
      expect((await fleet.ended(waiting)).command).toMatchObject({
        state: 'skipped',
        message: 'not today',
      });
      expect(await moult('agents', 'resume', host.name, '--wait')).toMatchObject({ code: 0 });

      proxy.bytesDownMax = LESS_THAN_A_SCRIPT;
      const fetching = await fleet.order(host.name, SECOND);
      await host.whenAgent(fleet.coordinator, 'is fetching', isAt('fetching'));
      const late = await moult('commands', 'skip', fetching.id);
      expectClearFailure(late, { code: 'too-late', exitCode: 1, says: /fetching/ });
      const revoked = await moult('commands', 'revoke', fetching.id, '--why', 'wrong version');
      expect(revoked).toMatchObject({ code: 0 });
      expect(revoked.stdout).toContain('revoked');
      await host.whenAgent(fleet.coordinator, 'is idle', ({ upgrade }) => upgrade === null, 10_000);
      const { command, attempts } = await fleet.ended(fetching);
      expect(command).toMatchObject({ state: 'revoked', message: 'wrong version' });
      expect(attempts).toMatchObject([{ outcome: 'denied' }]);
      proxy.bytesDownMax = Number.POSITIVE_INFINITY;
      proxy.breakAll();
      expect((await fleet.upgrade(host.name, SECOND)).command.state).toBe('succeeded');
      await fleet.leave(host);
    },
    TEST_MS,
  );

  test(
    'R11: revoked after the switch it is too late: the host ends it by itself, and its report counts',
    async () => {
      const host = await fleet.host('switches');
      const launcher = await HeldLauncher.of(host);
      const probation = launcher.hold(host, 'probation');
      const command = await fleet.order(host.name, SECOND);
      await probation;
      const revoked = await moult('commands', 'revoke', command.id);
      launcher.release();
      expect(revoked).toMatchObject({ code: 6 });
      expect(revoked.stdout).toContain('too late');
      await fleet.whenCommand(command, 'counts', ({ state }) => state === 'succeeded');
      await host.whenAgent(fleet.coordinator, 'runs it', isUpWith(SECOND));
      expect((await moult('history', host.name, '--of', 'all')).stdout).toContain(
        'command-revoked',
      );
      await fleet.leave(host);
    },
    TEST_MS,
  );

  test(
    'R18: each attempt is kept with who, why, from, to, times, steps, outcome and evidence',
    async () => {
      const host = await fleet.host('remembered');
      expect((await moult('history', host.name)).stdout).toBe('No upgrade has run.\n');
      const order = ['agents', 'upgrade', host.name, '--wait', '--to'];
      expect(await moult(...order, SECOND, '--why', 'change 41')).toMatchObject({ code: 0 });
      const failed = await moult(...order, BAD.crashesAtStart, '--why', 'change 42');
      expect(failed).toMatchObject({ code: 5 });
      const json = await moult('history', host.name, '-o', 'json');
      const attempts: readonly Attempt[] = JSON.parse(json.stdout).attempts;
      const common = { agent: host.name, component: 'agent', createdBy: 'admin' };
      expect(attempts).toMatchObject([
        {
          ...common,
          why: 'change 42',
          from: SECOND,
          to: BAD.crashesAtStart,
          outcome: 'rolled-back',
          evidence: { reason: 'crashed' },
        },
        {
          ...common,
          why: 'change 41',
          from: FIRST_AGENT,
          to: SECOND,
          outcome: 'succeeded',
          evidence: null,
        },
      ]);
      for (const { startedMs, endedMs, steps } of attempts) {
        expect(endedMs).toBeGreaterThan(startedMs);
        expect(steps.map(({ step }) => step).slice(0, 3)).toEqual([
          'preflight',
          'fetching',
          'staged',
        ]);
      }
      expect(attempts[0]?.evidence?.logLines.length).toBeGreaterThan(0);
      const { stdout } = await moult('history', host.name);
      for (const text of ['change 41', 'change 42', 'admin', 'crashed', 'fetching', SECOND]) {
        expect(stdout).toContain(text);
      }
      await fleet.leave(host);
    },
    TEST_MS,
  );

  test(
    'P7: what a host is missing is tried again after 1, 5, 15 and 60 minutes, and then given up by name',
    async () => {
      // Its clock can be set; a host that enrolls begins with the choice of its group.
      await fleet.coordinator.enrollmentToken({ group: 'clocked' });
      const choose = ['agents', 'desired', '--group', 'clocked', '--to', CLOCKED[0]];
      expect(await moult(...choose)).toMatchObject({ code: 0 });
      const host = await fleet.host('clocked', { fetches: true });
      expect((await host.bootRecord()).components.agent.committed?.version).toBe(CLOCKED[0]);
      await rm(await fleet.scriptBlobPath(CLOCKED[1]));
      const command = await fleet.order(host.name, CLOCKED[1]);

      let triedMs = Date.now();
      for (const [index, minutes] of [1, 5, 15, 60].entries()) {
        const { last, notBeforeMs } = await failures(host, index + 1);
        expect(last.code).toBe('blob-missing');
        expect(notBeforeMs - triedMs).toBeGreaterThanOrEqual(minutes * 60_000);
        expect(notBeforeMs - triedMs).toBeLessThan((minutes + 1) * 60_000);
        await host.stop();
        triedMs = notBeforeMs;
        await writeFile(join(host.root, 'clock-off-ms'), String(notBeforeMs - Date.now()));
        host.start();
      }
      const { command: end, attempts } = await fleet.ended(command);
      expect(end).toMatchObject({ state: 'failed', code: 'packages-not-refreshed' });
      expect(attempts).toMatchObject([{ outcome: 'failed', from: CLOCKED[0], to: CLOCKED[1] }]);
      expect(attempts[0]?.message).toMatch(/^blob-missing: /);
      await fleet.leave(host);
    },
    TEST_MS,
  );

  test(
    'H17: why an upgrade did not come about has a name, with what happened and what to do',
    async () => {
      const { host, proxy } = await behindProxy('named');
      const upgrade = ['agents', 'upgrade', host.name, '--wait', '--to'];
      const invalid = await moult(...upgrade, '7.7.7');
      expectClearFailure(invalid, {
        code: 'desired-version-invalid',
        exitCode: 1,
        says: /7\.7\.7/,
      });

      await rm(host.layout.pinnedRootPath);
      const failed = await moult(...upgrade, SECOND);
      const says =
        /no pinned root at .*packages-not-refreshed.*\nnext: Pin the root .*moult agent pin-root/;
      expectClearFailure(failed, { code: 'upgrade-not-done', exitCode: 5, says });
      const history = await moult('history', host.name, '-o', 'json');
      expect(JSON.parse(history.stdout).attempts).toMatchObject([
        {
          outcome: 'failed',
          code: 'packages-not-refreshed',
          message: expect.stringMatching(/^trust-root-invalid: there is no pinned root/),
        },
      ]);
      expect((await moult('history', host.name)).stdout).toMatch(/^ {2}next: Pin the root/m);
      // What is said helps.
      const token = await fleet.coordinator.enrollmentToken();
      const pin = ['agent', 'pin-root', '--root', host.root, '--token', token];
      expect(await moult(...pin)).toMatchObject({ code: 0 });
      expect(await moult(...upgrade, SECOND)).toMatchObject({ code: 0 });

      proxy.cut = 'both';
      proxy.breakAll();
      await expectNoSession(host, /ECONNRESET|socket disconnected/);
      proxy.toPort = stranger.port;
      proxy.cut = 'none';
      await expectNoSession(host, /the protocol version is not served/);
      await fleet.leave(host);
    },
    TEST_MS,
  );

  test(
    'P7 H17: what cannot be fetched is tried again by its schedule, which is said by name with what to do, and at once when the network is back',
    async () => {
      const { host, proxy } = await behindProxy('cut-off');
      proxy.cut = 'new';
      const command = await fleet.order(host.name, SECOND);
      const reason = await until(
        'why says when it is tried again',
        async () => {
          const found = await why(host.name);
          return found?.detail?.includes('tried again from') && found;
        },
        { timeoutMs: 60_000, detail: () => host.tail() },
      );
      expect(reason).toMatchObject({ reason: 'preflight-failed', commandId: command.id });
      const named = /packages-not-refreshed: trust-unreachable: cannot get https:/;
      expect(reason.detail).toMatch(named);
      // What frees it is to look there.
      const shown = ['agents', 'show', host.name];
      expect(reason.freedBy).toBe(`moult ${shown.join(' ')}`);
      expect(
        JSON.parse((await moult(...shown, '-o', 'json')).stdout).upgrade.trouble,
      ).toMatchObject({
        code: 'packages-not-refreshed',
        remedy: expect.stringContaining('reachable from this host'),
      });
      for (const args of [shown, ['agent', 'status', '--root', host.root]]) {
        const { stdout } = await moult(...args);
        expect(stdout).toMatch(named);
        expect(stdout).toMatch(/^next: .*reachable from this host/m);
      }
      const due = /tried again from (\S+) on/.exec(reason.detail ?? '')?.[1] ?? '';
      proxy.cut = 'none';
      proxy.breakAll();
      const { command: end, attempts } = await fleet.ended(command);
      expect(end.state).toBe('succeeded');
      expect(attempts).toHaveLength(1);
      const fetching = attempts[0]?.steps.find(({ step }) => step === 'fetching');
      expect(fetching?.startedMs).toBeLessThan(Date.parse(due));
      await fleet.leave(host);
    },
    TEST_MS,
  );
});
