/* A fleet of twelve real agents in three groups, brought from version to version by rollouts. */
import type { Client } from '@moult/api/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { BAD, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { mostAtOnce, RolloutWatch } from '../support/rollout-watch.ts';

/** Many upgrades in a row, on a machine that does other things as well. */
const ROLLOUT_MS = 240_000;
const GROUPS = ['ap', 'eu', 'us'] as const;
const EACH = 4;
const UNAVAILABLE_MAX = 2;
const EVERYBODY = 'group in (ap, eu, us)';

let fleet: RealFleet;
let watch: RolloutWatch;
const hosts = new Map<string, Host>();

beforeAll(async () => {
  fleet = await RealFleet.open('rollout-fleet');
  watch = new RolloutWatch(fleet, { timeoutMs: ROLLOUT_MS });
  for (const group of GROUPS) {
    // Four at a time: they start in seconds then, and two processors have enough to do.
    const names = Array.from({ length: EACH }, (_, index) => `${group}-${index + 1}`);
    await Promise.all(
      names.map(async (name) => {
        hosts.set(name, await fleet.host(name, { group }));
      }),
    );
    const body = { unavailableMax: UNAVAILABLE_MAX };
    await client().setGroup({ params: { group }, body });
  }
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

function client(): Client {
  return fleet.coordinator.client;
}

/** Made and started. */
async function rollOut(
  name: string,
  body: Omit<Parameters<Client['createRollout']>[0]['body'], 'name'>,
): Promise<void> {
  await client().createRollout({ body: { ...body, name } });
  await client().startRollout({ params: { rollout: name }, body: {} });
}

async function upgradesOf(rollout: string): Promise<ReadonlyMap<string, number>> {
  const upgrades = new Map<string, number>();
  for (const { agent, commandId } of await watch.members(rollout)) {
    if (commandId === null) continue;
    const { attempts } = await client().getCommand({ params: { id: commandId } });
    upgrades.set(agent, attempts.length);
  }
  return upgrades;
}

test(
  'R1 R10 RO1 RO5: a good release comes to twelve agents over three waves, the coordinator killed with -9 in each of them; who is late has it when it comes',
  async () => {
    const { coordinator } = fleet;
    const late = hosts.get('us-4');
    await late?.stop();
    await late?.whenAgent(coordinator, 'is Down', ({ state }) => state === 'Down', 90_000);
    await rollOut('good', {
      select: EVERYBODY,
      version: GOOD[0],
      spec: {
        waves: [{ kind: 'count', count: 1 }, { kind: 'count', count: 4 }, { kind: 'rest' }],
      },
      why: 'monthly',
    });
    for (const wave of [0, 1, 2]) {
      const isAtWork = ({ waves }: { waves: readonly { counts: { upgrading: number } }[] }) =>
        (waves[wave]?.counts.upgrading ?? 0) > 0;
      await watch.when('good', `is at wave ${wave + 1}`, isAtWork);
      await coordinator.kill();
      await coordinator.start();
    }
    const end = await watch.when('good', 'is over', ({ state }) => state === 'ended');
    expect(end).toMatchObject({ outcome: 'ended-ok', counts: { done: 11, parked: 1 } });
    expect(await watch.version('us-4')).toBe(FIRST_AGENT);
    late?.start();
    await watch.when('good', 'has everybody', ({ counts }) => counts.done === 12);
    for (const version of Object.values(await watch.versions(hosts.keys())))
      expect(version).toBe(GOOD[0]);
    const members = await watch.members('good');
    for (const group of GROUPS) {
      const own = members.filter((one) => one.group === group && one.agent !== 'us-4');
      expect(mostAtOnce(own), group).toBeLessThanOrEqual(UNAVAILABLE_MAX);
    }
    for (const wave of [1, 2]) {
      const ends = members.filter((one) => one.wave < wave).map(({ endedMs }) => endedMs ?? 0);
      const starts = members.filter((one) => one.wave === wave).map(({ startedMs }) => startedMs);
      for (const start of starts) expect(start).toBeGreaterThanOrEqual(Math.max(...ends));
    }
    // C2: of each agent one upgrade, and one attempt at it, whatever the coordinator went through.
    expect(new Set((await upgradesOf('good')).values())).toEqual(new Set([1]));
  },
  ROLLOUT_MS,
);

describe('R3: bad releases, in three groups side by side', () => {
  test(
    'it stops at the first; it continues to the last where it was told so, and says what that means',
    async () => {
      const asked = { version: BAD.crashesAtStart };
      const plan = await client().planRollout({
        body: { ...asked, select: 'group=us', spec: { onError: 'continue' } },
      });
      expect(plan.warnings.map(({ code }) => code)).toContain('continues-on-error');
      await rollOut('bad-stops', { ...asked, select: 'group=eu' });
      await rollOut('bad-goes-on', {
        ...asked,
        select: 'group=us',
        spec: { onError: 'continue' },
      });
      const stops = await watch.when('bad-stops', 'halts', ({ state }) => state === 'halted');
      expect(stops.counts).toMatchObject({ 'rolled-back': 1, waiting: 3 });
      const goesOn = await watch.when('bad-goes-on', 'ends', ({ state }) => state === 'ended');
      expect(goesOn).toMatchObject({ outcome: 'ended-not-ok', counts: { 'rolled-back': 4 } });
      for (const version of Object.values(await watch.versions(hosts.keys())))
        expect(version).toBe(GOOD[0]);
      await client().cancelRollout({ params: { rollout: 'bad-stops' }, body: {} });
    },
    ROLLOUT_MS,
  );
});

describe('two operators at once', () => {
  test(
    'RO8: of two rollouts for the same agents one starts; of two starts of it one does; a cancel in mid-flight answers for each agent',
    async () => {
      const asked = { select: 'group=ap', version: GOOD[1] };
      for (const name of ['mine', 'yours'])
        await client().createRollout({ body: { ...asked, name } });
      const starts = await Promise.allSettled(
        ['mine', 'yours', 'mine', 'yours'].map((rollout) =>
          client().startRollout({ params: { rollout }, body: {} }),
        ),
      );
      const started = starts.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(started).toHaveLength(1);
      const codes = starts.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
      expect(new Set(codes)).toEqual(new Set(['rollout-overlaps', 'rollout-state']));
      const name = started[0]?.name ?? '';
      await watch.when(name, 'is at work', ({ counts }) => counts.upgrading > 0);
      const cancels = await Promise.allSettled(
        [1, 2].map(() => client().cancelRollout({ params: { rollout: name }, body: {} })),
      );
      const done = cancels.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(done).toHaveLength(1);
      const answers = done[0]?.agents.map(({ answer }) => answer) ?? [];
      expect(answers).toHaveLength(EACH);
      expect(answers.slice(1)).toEqual(['stopped', 'stopped', 'stopped']);
      expect(['stopped', 'too-late']).toContain(answers[0]);
      const isOver = async () => {
        const { upgrading } = (await client().getRollout({ params: { rollout: name } })).counts;
        return upgrading === 0 ? true : null;
      };
      await until('whoever was too late has ended', isOver, { timeoutMs: ROLLOUT_MS });
      const expected = answers[0] === 'too-late' ? GOOD[1] : GOOD[0];
      expect(await watch.version('ap-1')).toBe(expected);
      expect(await watch.version('ap-2')).toBe(GOOD[0]);
    },
    ROLLOUT_MS,
  );
});
