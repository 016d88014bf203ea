/* What an agent is, what may be done with it, and what a failed upgrade leaves behind, through the real programs. */
import { stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Agent, Command } from '@moult/api';
import { versionsDirOf } from '@moult/core/layout';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { BAD, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const [SECOND, THIRD] = GOOD;
/** Three tries with their backoff, on a machine that may be slow. */
const JUDGED_MS = 120_000;

let fleet: RealFleet;

beforeAll(async () => {
  fleet = await RealFleet.open('agent-states');
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

async function control(host: Host, action: 'pause' | 'resume' | 'restart' | 'clear') {
  const body = { agents: [host.name], action };
  const { results } = await fleet.coordinator.client.controlAgents({ body });
  const [result] = results;
  if (result === undefined) throw new Error(`nothing came of ${action}`);
  return result;
}

async function done(command: Command | null): Promise<Command> {
  if (command === null) throw new Error('nothing was ordered');
  return (await fleet.ended(command)).command;
}

function when(host: Host, state: Agent['state']): Promise<Agent> {
  return host.whenAgent(fleet.coordinator, `is ${state}`, (agent) => agent.state === state);
}

async function forced(host: Host, version: string): Promise<Command> {
  const body = { version, component: 'agent', isForced: true } as const;
  const params = { name: host.name };
  return (await fleet.coordinator.client.upgradeAgent({ params, body })).command;
}

async function rolledBack(host: Host, version: string): Promise<void> {
  const command = await fleet.order(host.name, version);
  const ended = await fleet.ended(command, JUDGED_MS);
  expect(ended.command).toMatchObject({ state: 'failed', outcome: 'rolled-back' });
}

// Each on hosts of its own: side by side they take as long as one.
describe.concurrent('side by side', () => {
  test('H5: a pause outlives the process, the restart that is ordered happens, and a resume ends it', async () => {
    const host = await fleet.host('paused');
    const oldPid = await host.agentPid();
    expect(await done((await control(host, 'pause')).command)).toMatchObject({
      state: 'succeeded',
    });
    await when(host, 'Paused');
    expect((await control(host, 'pause')).outcome).toBe('nothing');
    expect(await done((await control(host, 'restart')).command)).toMatchObject({
      state: 'succeeded',
    });
    expect(await host.agentPid()).not.toBe(oldPid);
    await host.killAll();
    host.start();
    await until('another process serves', async () => (await host.agentPid()) !== null, {
      timeoutMs: 30_000,
    });
    await when(host, 'Paused');
    const waiting = await fleet.order('paused', SECOND);
    const held = await fleet.whenCommand(
      waiting,
      'is held',
      ({ holdReason }) => holdReason !== null,
    );
    expect(held.command.holdReason).toBe('paused');
    await done((await control(host, 'resume')).command);
    expect((await fleet.ended(waiting)).command.state).toBe('succeeded');
    await when(host, 'Up');
  });

  test('H8: another major version that crashes leaves Upgrade Failed, which a forced upgrade ends', async () => {
    const host = await fleet.host('major');
    await rolledBack(host, BAD.majorCrashesAtStart);
    await when(host, 'Upgrade Failed');
    const ordinary = await fleet.order('major', SECOND);
    const held = await fleet.whenCommand(
      ordinary,
      'is held',
      ({ holdReason }) => holdReason !== null,
    );
    expect(held.command.holdReason).toBe('upgrade-failed');
    expect((await fleet.ended(await forced(host, THIRD))).command.state).toBe('succeeded');
    const agent = await when(host, 'Up');
    const component = agent.components.find((one) => one.component === 'agent');
    expect(component?.current?.version).toBe(THIRD);
  });

  test('H8: what a failed major upgrade leaves behind is cleared by an operator', async () => {
    const host = await fleet.host('cleared');
    await rolledBack(host, BAD.majorCrashesAtStart);
    await when(host, 'Upgrade Failed');
    expect(await control(host, 'pause')).toMatchObject({
      outcome: 'refused',
      code: 'upgrade-failed',
    });
    expect(await done((await control(host, 'clear')).command)).toMatchObject({
      state: 'succeeded',
    });
    await when(host, 'Up');
  });

  test('H8: within a major version a release that crashes leaves the agent Up', async () => {
    const host = await fleet.host('minor');
    await rolledBack(host, BAD.crashesAtStart);
    const agent = await when(host, 'Up');
    const component = agent.components.find((one) => one.component === 'agent');
    expect(component?.current?.version).toBe(FIRST_AGENT);
  });

  test.each([
    ['cut short', (path: string) => truncate(path, 1_000)],
    ['overwritten in its length', overwrite],
  ])(
    'H13, B19: a host that runs the version before because its own is %s is brought back by ordering it again',
    async (how, damage) => {
      const name = how.replaceAll(' ', '-');
      const host = await fleet.host(name);
      expect((await fleet.upgrade(name, SECOND)).command.state).toBe('succeeded');
      await host.stop();
      const { committed } = (await host.bootRecord()).components.agent;
      const slotDir = join(versionsDirOf(host.layout, 'agent'), committed?.dir ?? '');
      await damage(join(slotDir, 'lib/agent.cjs'));
      host.start();
      const current = (agent: Agent) => agent.components.find((one) => one.component === 'agent');
      await host.whenAgent(
        fleet.coordinator,
        'runs the one before',
        (agent) => agent.state === 'Up',
      );
      expect((await fleet.ended(await forced(host, SECOND))).command.state).toBe('succeeded');
      const agent = await host.whenAgent(
        fleet.coordinator,
        'runs it again',
        (one) => one.state === 'Up' && current(one)?.current?.version === SECOND,
      );
      expect(agent.state).toBe('Up');
      expect((await host.bootRecord()).components.agent).toMatchObject({
        committed: { version: SECOND },
        trial: null,
      });
    },
  );
});

/** As a bad sector does: nothing but the content tells. */
async function overwrite(path: string): Promise<void> {
  const { size } = await stat(path);
  await writeFile(path, Buffer.alloc(size, 'x'));
}
