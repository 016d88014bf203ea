/* What an operator sees of an agent and may do with it, in each of its states, through the real programs. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Agent, Command, Reason } from '@moult/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import type { Ran } from '../../scripts/fleet/program.ts';
import { TcpProxy } from '../../scripts/fleet/tcp-proxy.ts';
import { until } from '../../scripts/fleet/until.ts';
import { ROOT_DIR } from '../../scripts/root.ts';
import { FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { HeldLauncher } from '../support/held-launcher.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const [SECOND] = GOOD;
const TEST_MS = 240_000;
const CLI_MS = 60_000;
const TEN_MINUTES_MS = 600_000;
/** Facts that only time changes are looked at each minute. */
const SWEPT_MS = 90_000;
/** A session and metadata go through; the script of a release, some megabytes, does not. */
const LESS_THAN_A_SCRIPT = 400_000;

let fleet: RealFleet;
beforeAll(async () => {
  fleet = await RealFleet.open('states');
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

function moult(...args: readonly string[]): Promise<Ran> {
  return fleet.coordinator.moult(args, { timeoutMs: CLI_MS });
}

/** As programs read it. */
async function listed(name: string): Promise<Agent> {
  const { stdout } = await moult('agents', 'list', `agent=${name}`, '-o', 'json');
  return JSON.parse(stdout).agents[0];
}

async function why(name: string): Promise<readonly Reason[]> {
  return JSON.parse((await moult('why', name, '-o', 'json')).stdout).reasons;
}

async function historyKinds(name: string): Promise<readonly string[]> {
  const query = { agent: name, limit: 200 };
  const { entries } = await fleet.coordinator.client.listHistory({ query });
  return entries.map(({ kind }) => kind).reverse();
}

function current(agent: Agent): string | undefined {
  return agent.components.find(({ component }) => component === 'agent')?.current?.version;
}

/** Refused with its reason, and with the exit code of a conflict. */
async function expectRefused(action: string, name: string, reason: string): Promise<void> {
  const { code, stdout, stderr } = await moult('agents', action, name, '-o', 'json');
  expect({ action, code, stderr }).toMatchObject({ code: 6 });
  expect(JSON.parse(stdout).results).toMatchObject([{ outcome: 'refused', code: reason }]);
  expect(stderr).toContain(name);
}

function isInProbation({ state, marks }: Agent): boolean {
  return state === 'Up' && marks.includes('probation');
}

describe.concurrent('side by side', () => {
  test(
    'H5: a pause is seen and holds an upgrade until the resume; while Upgrading it is neither resumed nor restarted, in probation it can be paused, and not restarted',
    async () => {
      const host = await fleet.host('paused');
      const launcher = await HeldLauncher.of(host);
      expect(await moult('agents', 'pause', 'paused', '--wait')).toMatchObject({ code: 0 });
      expect((await listed('paused')).state).toBe('Paused');
      const pid = await host.agentPid();
      expect(await moult('agents', 'restart', 'paused', '--wait')).toMatchObject({ code: 0 });
      // A3: a pause outlives the process.
      expect((await listed('paused')).state).toBe('Paused');
      expect(await host.agentPid()).not.toBe(pid);

      const command = await fleet.order('paused', SECOND);
      const freedBy = 'moult agents resume paused';
      expect(await why('paused')).toMatchObject([{ reason: 'paused', freedBy }]);

      const rehearsed = launcher.hold(host, 'rehearsed');
      expect(await moult('agents', 'resume', 'paused')).toMatchObject({ code: 0 });
      await rehearsed;
      const { client } = fleet.coordinator;
      await host.whenAgent(fleet.coordinator, 'is Upgrading', ({ state }) => state === 'Upgrading');
      expect((await listed('paused')).state).toBe('Upgrading');
      await expectRefused('resume', 'paused', 'upgrading');
      await expectRefused('restart', 'paused', 'upgrading');
      await expectRefused('remove', 'paused', 'upgrading');
      expect(await why('paused')).toMatchObject([{ reason: 'upgrading', commandId: command.id }]);

      const probation = launcher.hold(host, 'probation');
      launcher.release();
      await probation;
      await host.whenAgent(fleet.coordinator, 'is Up in probation', isInProbation);
      expect(await listed('paused')).toMatchObject({ state: 'Up', marks: ['probation'] });
      await expectRefused('restart', 'paused', 'in-probation');
      // Paused, it proves itself all the same.
      expect(await moult('agents', 'pause', 'paused', '--wait')).toMatchObject({ code: 0 });
      expect(await listed('paused')).toMatchObject({ state: 'Paused', marks: ['probation'] });
      launcher.release();
      expect((await fleet.ended(command)).command.state).toBe('succeeded');
      expect(await listed('paused')).toMatchObject({ state: 'Paused' });
      expect(await moult('agents', 'resume', 'paused', '--wait')).toMatchObject({ code: 0 });
      const agent = await client.getAgent({ params: { name: 'paused' } });
      expect({ state: agent.state, version: current(agent) }).toEqual({
        state: 'Up',
        version: SECOND,
      });
    },
    TEST_MS,
  );

  test(
    'H9 O2: an upgrade goes before the pause that was ordered earlier; a removed agent is sent away for good, its name is free, its history stays',
    async () => {
      const host = await fleet.host('away');
      await host.stop();
      await host.whenAgent(fleet.coordinator, 'is Down', ({ state }) => state === 'Down', 60_000);
      await expectRefused('restart', 'away', 'agent-down');
      expect(await moult('agents', 'pause', 'away')).toMatchObject({ code: 0 });
      const upgrade = await fleet.order('away', SECOND);
      expect(await why('away')).toMatchObject([
        { reason: 'agent-down', commandId: upgrade.id, isWaitingForHost: true },
      ]);
      host.start();
      expect((await fleet.ended(upgrade)).command.state).toBe('succeeded');
      await host.whenAgent(
        fleet.coordinator,
        'is paused after its upgrade',
        (agent) => agent.state === 'Paused' && current(agent) === SECOND,
      );
      const { entries } = await fleet.coordinator.client.listHistory({
        query: { agent: 'away', limit: 200 },
      });
      const ended = entries.filter(({ kind }) => kind === 'command-succeeded').reverse();
      expect(ended[0]?.commandId).toBe(upgrade.id);
      expect(ended).toHaveLength(2);

      const removed = await moult('agents', 'remove', 'away', '--why', 'scrapped');
      expect(removed).toMatchObject({ code: 0 });
      await expectSentAway(host, 1);
      expect(await listed('away')).toBeUndefined();
      await host.stop();
      host.start();
      await expectSentAway(host, 2);
      const status = await fleet.coordinator.moult(['agent', 'status', '--root', host.root]);
      expect(status.stdout).toContain('session-refused');

      // Its name is free for the host that takes its place; what happened to the old one stays.
      const next = await fleet.host('away', { root: join(fleet.dir, 'away-anew') });
      const agent = await listed('away');
      expect(agent).toMatchObject({ name: 'away', state: 'Up' });
      expect(current(agent)).toBe(FIRST_AGENT);
      expect(await next.agentPid()).not.toBeNull();
      const history = await moult('history', 'away');
      expect(history).toMatchObject({ code: 0 });
      expect(history.stdout).toContain(SECOND);
      expect(await historyKinds('away')).toContain('decommissioned');
    },
    TEST_MS,
  );

  test(
    'H9: an agent that comes Up checks first of all; its upgrade goes first until the first attempt is over, but for ten minutes at most',
    async () => {
      const clock = join(ROOT_DIR, 'test/fixtures/moved-clock.ts');
      const own = await RealFleet.open('ten-minutes', {
        env: { NODE_OPTIONS: `--import=${clock}` },
      });
      const { coordinator } = own;
      const proxy = await TcpProxy.open({ toPort: coordinator.port });
      try {
        const host = await own.host('silent', { url: `https://127.0.0.1:${proxy.port}` });
        await expectHeard(host, 0, ['session open', 'nothing to do']);
        await host.stop();
        await host.whenAgent(coordinator, 'is Down', ({ state }) => state === 'Down', 60_000);
        const ran = await coordinator.moult(['agents', 'pause', 'silent', '-o', 'json']);
        const pause: Command = JSON.parse(ran.stdout).results[0].command;
        const upgrade = await own.order('silent', SECOND);
        // The session opens, and the artifact does not come.
        proxy.bytesDownMax = LESS_THAN_A_SCRIPT;
        const from = host.lines.length;
        host.start();
        await host.whenAgent(
          coordinator,
          'is fetching',
          (agent) => agent.upgrade?.step === 'fetching',
        );
        await expectHeard(host, from, ['session open', `accepted ${upgrade.id}`]);
        const { command: held } = await own.whenCommand(pause, 'is held', () => true);
        expect(held).toMatchObject({ state: 'queued', holdReason: 'upgrading' });

        await writeFile(join(coordinator.dir, 'clock-off-ms'), String(TEN_MINUTES_MS));
        await own.ended(pause, SWEPT_MS);
        await host.whenAgent(coordinator, 'is Paused', ({ state }) => state === 'Paused');
        const { command, attempts } = await own.whenCommand(upgrade, 'goes on', () => true);
        expect(command).toMatchObject({ state: 'running' });
        expect(attempts).toMatchObject([{ outcome: null, endedMs: null }]);
      } finally {
        expect(await own.close()).toEqual([]);
        await proxy.close();
      }
    },
    TEST_MS,
  );

  test(
    'R12: a host that was put back by hand is repaired, twice; then somebody must look; never to what it has refused',
    async () => {
      const host = await fleet.host('put-back');
      expect((await fleet.upgrade('put-back', SECOND)).command.state).toBe('succeeded');
      for (let repair = 1; repair <= 2; repair += 1) {
        await putBack(host);
        const { commands } = await until(
          `repair ${repair} is over`,
          async () => {
            const query = { agent: 'put-back', state: 'ended' } as const;
            const page = await fleet.coordinator.client.listCommands({ query });
            const repairs = page.commands.filter(({ origin }) => origin === 'repair');
            return repairs.length === repair && { commands: repairs };
          },
          { timeoutMs: 90_000, detail: () => host.tail() },
        );
        expect(commands[0]).toMatchObject({ state: 'succeeded', isForced: true, version: SECOND });
      }
      expect((await historyKinds('put-back')).filter((kind) => kind === 'repair')).toHaveLength(2);
      await putBack(host);
      const [reason] = await until(
        'it is left as it is',
        async () => {
          const reasons = await why('put-back');
          return reasons[0]?.reason === 'repair-exhausted' && reasons;
        },
        { timeoutMs: 60_000, detail: () => host.tail() },
      );
      expect(reason?.freedBy).toBe('moult agents upgrade put-back --force');
      const text = (await moult('history', 'put-back', '--of', 'all')).stdout;
      expect(text).toContain(`repair`);
      expect(text).toContain(`shows ${FIRST_AGENT}, was given ${SECOND}`);
      // What is typed frees it.
      const freed = (reason?.freedBy ?? '').split(' ').slice(1);
      expect(await moult(...freed, '--wait')).toMatchObject({ code: 0 });
      expect(await why('put-back')).toEqual([]);

      // What this host has refused it is never brought back to, not even for the second time.
      const end = host.listen((line) => {
        if (/"msg":"serving"/.test(line) && JSON.parse(line).version === SECOND)
          void host.killAgent();
      });
      await putBack(host);
      await until(
        'it is not brought back',
        async () => (await why('put-back'))[0]?.reason === 'refused-here',
        { timeoutMs: 90_000, detail: () => host.tail() },
      );
      end();
      expect((await historyKinds('put-back')).filter((kind) => kind === 'repair')).toHaveLength(3);
    },
    TEST_MS,
  );
});

/** What an agent has logged of its session and what it was answered, in this order. */
function heard(host: Host, from: number): readonly string[] {
  return host.lines.slice(from).flatMap((line) => {
    if (line.includes('"msg":"accepted a command"')) {
      return [`accepted ${JSON.parse(line).commandId}`];
    }
    return /"msg":"(session open|nothing to do)"/.exec(line)?.[1] ?? [];
  });
}

async function expectHeard(host: Host, from: number, what: readonly string[]): Promise<void> {
  // What it has logged comes a moment after what it has done.
  await until(`${host.name} hears`, () => heard(host, from).length >= what.length, {
    timeoutMs: 10_000,
    detail: () => host.tail(),
  });
  expect(heard(host, from)).toEqual(what);
}

async function expectSentAway(host: Host, times: number): Promise<void> {
  await until(
    `${host.name} is sent away`,
    () => host.lines.filter((line) => line.includes('decommissioned')).length >= times,
    { timeoutMs: 60_000, detail: () => host.tail() },
  );
}

/** As somebody would on the host: the version before boots, and no order said so. */
async function putBack(host: Host): Promise<void> {
  await host.stop();
  const path = host.layout.bootRecordPath;
  const record = JSON.parse(await readFile(path, 'utf8'));
  const { agent } = record.components;
  expect(agent.committed.version).toBe(SECOND);
  const swapped = { ...agent, committed: agent.previous, previous: agent.committed };
  const components = { ...record.components, agent: swapped };
  await writeFile(path, JSON.stringify({ ...record, components }));
  host.start();
}
