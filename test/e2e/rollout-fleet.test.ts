/* A fleet of twelve real agents in three groups, brought from version to version by rollouts. */
import type { Rollout } from '@moult/api';
import type { Client } from '@moult/api/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { BAD, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { mostAtOnce, RolloutWatch } from '../support/rollout-watch.ts';

/** Many upgrades in a row, on a machine that does other things as well. */
const ROLLOUT_MS = 240_000;
const WAITS = { timeoutMs: ROLLOUT_MS };
const GROUPS = ['ap', 'eu', 'us'] as const;
const EACH = 4;
const UNAVAILABLE_MAX = 2;
const EVERYBODY = 'group in (ap, eu, us)';
/** Until it is started it has an identity, and nothing else. */
const NEVER_SEEN = 'eu-4';
const OFFLINE = 'us-4';
const LATE: readonly string[] = [NEVER_SEEN, OFFLINE];

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
        hosts.set(name, await fleet.host(name, { group, starts: name !== NEVER_SEEN }));
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

async function moult(...args: readonly string[]): Promise<string> {
  return await fleet.coordinator.moultOk(['rollouts', ...args]);
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
  'R1 R10 RO1 RO5: a good release comes to twelve agents over three waves, the coordinator killed with -9 in each of them; who is away, or was never seen, has it when it comes',
  async () => {
    const { coordinator } = fleet;
    await hosts.get(OFFLINE)?.stop();
    await moult(
      ...['create', EVERYBODY, '--to', GOOD[0], '--name', 'good', '--waves', '1,4,rest'],
      ...['-m', 'monthly', '--start'],
    );
    for (const wave of [0, 1, 2]) {
      const isAtWork = ({ waves }: { waves: readonly { counts: { upgrading: number } }[] }) =>
        (waves[wave]?.counts.upgrading ?? 0) > 0;
      await watch.when('good', `is at wave ${wave + 1}`, isAtWork);
      await coordinator.kill();
      await coordinator.start();
    }
    const end = await watch.when('good', 'is over', ({ state }) => state === 'ended');
    expect(end).toMatchObject({ outcome: 'ended-ok', counts: { done: 10, parked: 2 } });
    expect(await watch.version(OFFLINE)).toBe(FIRST_AGENT);
    for (const name of LATE) hosts.get(name)?.start();
    await watch.when('good', 'has everybody', ({ counts }) => counts.done === 12);
    for (const version of Object.values(await watch.versions(hosts.keys())))
      expect(version).toBe(GOOD[0]);
    const members = await watch.members('good');
    for (const group of GROUPS) {
      const own = members.filter((one) => one.group === group && !LATE.includes(one.agent));
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

test(
  'R3 P1 R5: bad releases, in three groups side by side: one halts at its second failure, once a person has opened what its gate kept shut; one at a share, once the sample is large enough; one continues to the last, as the setting of its group says',
  async () => {
    const { coordinator } = fleet;
    const set = ['settings', 'set', 'rollout.on-error', 'continue'];
    await coordinator.moultOk([...set, '--group', 'us', '--why', 'change 42']);
    const asked = { version: BAD.crashesAtStart };
    const plan = await client().planRollout({ body: { ...asked, select: 'group=us' } });
    expect(plan.warnings).toMatchObject([{ code: 'continues-on-error' }]);
    for (const group of ['ap', 'eu'])
      await client().setGroup({ params: { group }, body: { unavailableMax: 1 } });
    const create = async (group: string, ...args: readonly string[]) =>
      await moult(
        ...['create', `group=${group}`, '--to', asked.version, '--name', `bad-${group}`],
        ...[...args, '--start'],
      );
    await create('ap', '--max-failed', '1', '--success', '100%');
    await create('eu', '--max-failed-share', '25%', '--min-sample', '3', '--waves', 'rest');
    expect(await create('us')).toMatch(/warning: it never halts by itself: .* service stops/);

    const shut = await coordinator.moult(['rollouts', 'status', 'bad-ap', '--wait'], WAITS);
    expect(shut).toMatchObject({ code: 8 });
    expect(shut.stderr).toContain('bad-ap waits for a person: moult rollouts approve bad-ap');
    expect(await watch.states('bad-ap')).toMatchObject({
      'ap-1': 'rolled-back',
      'ap-2': 'waiting',
    });
    await moult('approve', 'bad-ap', '-m', 'a broken host');
    const counted = await watch.when('bad-ap', 'halts', ({ state }) => state === 'halted');
    expect(counted.stateWhy).toBe('2 failed, 1 may');
    expect(counted.counts).toMatchObject({ 'rolled-back': 2, waiting: 2 });
    const shared = await watch.when('bad-eu', 'halts', ({ state }) => state === 'halted');
    expect(shared.stateWhy).toBe('3 of 3 failed, 25 % may');
    expect(shared.counts).toMatchObject({ 'rolled-back': 3, waiting: 1 });
    const goesOn = await watch.when('bad-us', 'ends', ({ state }) => state === 'ended');
    expect(goesOn).toMatchObject({ outcome: 'ended-not-ok', counts: { 'rolled-back': 4 } });
    for (const version of Object.values(await watch.versions(hosts.keys())))
      expect(version).toBe(GOOD[0]);

    await moult('skip', 'bad-ap', 'ap-4', '-m', 'sold');
    expect(await moult('cancel', 'bad-ap')).toMatch(
      /ap-3: stopped.*ap-1: over before.*ap-2: over before.*ap-4: over before/s,
    );
    expect(await watch.states('bad-ap')).toMatchObject({ 'ap-3': 'stopped', 'ap-4': 'skipped' });
    await moult('cancel', 'bad-eu');
  },
  ROLLOUT_MS,
);

test(
  'R5 RO8: two operators at once: of two rollouts for the same agents one starts; of two starts of it one does; a cancel in mid-flight answers for each agent',
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

test(
  'R1 R7 P5: parts of a rollout go side by side and share what their group can spare; the one of higher priority has its places first',
  async () => {
    const asked = ['group=ap', '--to', GOOD[2], '--name', 'parted', '--waves', 'rest'];
    await moult('create', ...asked);
    await moult('split', 'parted', '--into', '2');
    await moult('edit', 'parted-2', '--priority', '5');
    await moult('start', 'parted-1');
    const isAtWork = ({ counts }: Rollout) => counts.upgrading > 0;
    await watch.when('parted-1', 'is at work', isAtWork);
    await moult('start', 'parted-2');
    for (const part of ['parted-1', 'parted-2']) {
      const end = await watch.when(part, 'is over', ({ state }) => state === 'ended');
      expect(end).toMatchObject({ outcome: 'ended-ok', splitOf: 'parted', counts: { done: 2 } });
    }
    const members = {
      low: await watch.members('parted-1'),
      high: await watch.members('parted-2'),
    };
    expect(mostAtOnce([...members.low, ...members.high])).toBe(1);
    const [, last] = members.low.map(({ startedMs }) => startedMs ?? 0).sort((a, b) => a - b);
    for (const { endedMs } of members.high) expect(last).toBeGreaterThanOrEqual(endedMs ?? 0);
  },
  ROLLOUT_MS,
);
