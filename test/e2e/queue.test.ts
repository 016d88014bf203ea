/* What waits, for whom and why, how it is taken back, and what stays of it, through the real programs. */
import type { Agent, Attempt, Reason } from '@moult/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import type { Ran } from '../../scripts/fleet/program.ts';
import { TcpProxy } from '../../scripts/fleet/tcp-proxy.ts';
import { until } from '../../scripts/fleet/until.ts';
import { expectClearFailure } from '../support/clear-failure.ts';
import { BAD, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { HeldLauncher } from '../support/held-launcher.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const [SECOND] = GOOD;
const TEST_MS = 240_000;
const CLI_MS = 60_000;
/** A session and metadata go through; the script of a release, some megabytes, does not. */
const LESS_THAN_A_SCRIPT = 400_000;

let fleet: RealFleet;
const proxies: TcpProxy[] = [];
beforeAll(async () => {
  fleet = await RealFleet.open('queue');
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
  for (const proxy of proxies) await proxy.close();
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
    'R10: an upgrade that was ordered for an agent which was never seen runs when it comes for the first time',
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
    'P7: what cannot be fetched is tried again by its schedule, which why says, and at once when the network is back',
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
