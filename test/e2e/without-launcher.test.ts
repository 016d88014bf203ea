/* An agent that somebody starts by itself, so that nobody starts it again. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { BAD, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const ALONE_MS = 120_000;
/** Boot what the record says: what it leaves with when it has replaced its binaries. */
const EXIT_BOOT_RECORDED = 75;

let fleet: RealFleet;

beforeAll(async () => {
  fleet = await RealFleet.open('alone');
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

async function alone(name: string): Promise<Host> {
  const host = await fleet.host(name, { starts: false });
  host.startAlone();
  await isUp(host);
  return host;
}

async function isUp(host: Host): Promise<void> {
  await host.whenAgent(
    fleet.coordinator,
    'is Up, without a launcher',
    ({ state, marks }) => state === 'Up' && marks.includes('no launcher'),
  );
}

async function switches(host: Host, version: string) {
  const { coordinator } = fleet;
  const command = await fleet.order(host.name, version);
  expect((await host.program.ended).code).toBe(EXIT_BOOT_RECORDED);
  await fleet.whenCommand(
    command,
    'waits until somebody starts it',
    ({ state, holdReason }) => state === 'running' && holdReason === 'awaiting-start',
  );
  expect(await coordinator.moultOk(['why', host.name])).toMatch(
    /awaiting-start +the agent runs without a launcher.*has ended to become .* \(waiting for host\) +moult agent run \(on the host\)/,
  );
  return command;
}

describe.concurrent('each on a host of its own', () => {
  test(
    'H14: it replaces its binaries and stays down, the order waits for whoever starts it, and is done then',
    async () => {
      const { coordinator } = fleet;
      const host = await alone('alone');
      expect(await coordinator.moultOk(['agents', 'list', 'mark=no-launcher'])).toMatch(
        /alone .*Up \(no launcher\)/,
      );
      expect(await coordinator.moultOk(['agents', 'show', 'alone'])).toMatch(
        /launcher current: +none/,
      );
      const order = ['agents', 'upgrade', 'alone', '--to', GOOD[0]];
      expect(await coordinator.moultOk([...order, '--dry-run'])).toMatch(
        /alone: warning: it runs without a launcher: .* stays down until somebody starts it/,
      );
      const command = await switches(host, GOOD[0]);
      expect(await coordinator.moultOk(['agents', 'list', 'waiting=awaiting-start'])).toMatch(
        /alone .*Down/,
      );
      expect((await host.bootRecord()).components.agent).toMatchObject({
        committed: { version: FIRST_AGENT },
        trial: { slot: { version: GOOD[0] }, tries: 0 },
      });
      host.startAlone();
      const { command: end, attempts } = await fleet.ended(command);
      expect(end).toMatchObject({ state: 'succeeded', holdReason: null });
      expect(attempts[0]).toMatchObject({ outcome: 'succeeded' });
      expect((await host.bootRecord()).components.agent).toMatchObject({
        committed: { version: GOOD[0] },
        previous: { version: FIRST_AGENT },
        trial: null,
      });
      await isUp(host);
      await fleet.leave(host);
    },
    ALONE_MS,
  );

  test(
    'H14: a version that ends whenever somebody starts it is given up the fourth time, and the one before works',
    async () => {
      const host = await alone('alone-bad');
      const command = await switches(host, BAD.crashesAtStart);
      for (let start = 1; start <= 3; start += 1) {
        expect((await host.startAlone().ended).code).toBe(1);
      }
      host.startAlone();
      const { command: end } = await fleet.ended(command);
      expect(end).toMatchObject({ state: 'failed', outcome: 'rolled-back' });
      await isUp(host);
      expect((await host.bootRecord()).components.agent).toMatchObject({
        committed: { version: FIRST_AGENT },
        trial: null,
        refused: [{ version: BAD.crashesAtStart }],
      });
      await fleet.leave(host);
    },
    ALONE_MS,
  );

  test(
    'H14: whoever wants only agents with a launcher leaves the others out, and is told where none of them has one; a rollout that takes one along waits for whoever starts it',
    async () => {
      const { coordinator } = fleet;
      const host = await alone('alone-left');
      const launched = await fleet.host('launched');
      const only = ['--to', GOOD[0], '--only-with-launcher'];
      const some = ['agents', 'upgrade', 'agent in (alone-left, launched)', ...only];
      const waited = await coordinator.moult([...some, '--wait'], { timeoutMs: ALONE_MS });
      expect(waited.code).toBe(0);
      // Said while it goes on, beside the steps.
      const answer = waited.stderr;
      expect(answer).toMatch(/1 left out, without a launcher: alone-left/);
      expect(answer).toMatch(/launched: agent 1\.0\.0 -> 1\.1\.0 succeeded/);
      const none = await coordinator.moult(['agents', 'upgrade', 'alone-left', ...only]);
      expect(none.code).toBe(1);
      expect(none.stderr).toMatch(/alone-left has no launcher.*no-launcher-selected/s);
      const launcher = ['agents', 'upgrade', 'alone-left', '--component', 'launcher'];
      const refused = await coordinator.moult([...launcher, '--to', '1.1.0']);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/alone-left runs without a launcher.*launcher-missing/s);
      expect((await host.bootRecord()).components.agent).toMatchObject({
        committed: { version: FIRST_AGENT },
        trial: null,
      });

      const both = 'agent in (alone-left, launched)';
      const plan = ['rollouts', 'plan', both, '--to', GOOD[1]];
      expect(await coordinator.moultOk(plan)).toMatch(
        /2 agents go.*warning, 1 agent: they run without a launcher: .*: alone-left/s,
      );
      const create = ['rollouts', 'create', '--to', GOOD[1], '--only-with-launcher', '--start'];
      expect(await coordinator.moultOk([...create, both, '--name', 'launched'])).toMatch(
        /for 1 agent in 1 wave; 1 cannot.*only with a launcher.*cannot, 1 agent: .*: alone-left/s,
      );
      const status = ['rollouts', 'status', 'launched', '--wait'];
      await coordinator.moultOk(status, { timeoutMs: ALONE_MS });
      expect((await launched.bootRecord()).components.agent.committed?.version).toBe(GOOD[1]);
      const nobody = await coordinator.moult([...create, 'alone-left']);
      expect(nobody.code).toBe(1);
      expect(nobody.stderr).toMatch(/alone-left has no launcher.*no-launcher-selected/s);
      // It goes where that is wanted, and its rollout waits for whoever starts it.
      const goes = ['rollouts', 'create', 'alone-left', '--to', GOOD[1], '--name', 'left'];
      await coordinator.moultOk([...goes, '--start']);
      expect((await host.program.ended).code).toBe(EXIT_BOOT_RECORDED);
      await until(
        'its rollout says that somebody has to start it',
        async () => {
          const { reasons } = await coordinator.client.whyRollout({ params: { rollout: 'left' } });
          return reasons.some(({ reason }) => reason === 'awaiting-start');
        },
        { timeoutMs: ALONE_MS },
      );
      expect(await coordinator.moultOk(['rollouts', 'why', 'left'])).toMatch(
        /awaiting-start\): alone-left.*freed by: moult agent run/s,
      );
      host.startAlone();
      await coordinator.moultOk(['rollouts', 'status', 'left', '--wait'], { timeoutMs: ALONE_MS });
      await isUp(host);
      await fleet.leave(host);
    },
    ALONE_MS,
  );
});
