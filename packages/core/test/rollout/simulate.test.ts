import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type GroupNow,
  planOf,
  type RolloutSpec,
  type Simulation,
  simulate,
} from '../../src/rollout/index.ts';
import { candidate, candidates, SPEC, specs } from './rollouts.ts';

const UPGRADE_MS = 100;

/** Agents named by their groups: `a1` is in `a`. An exclamation mark: it is away. */
function simulated(
  names: readonly string[],
  some: { readonly spec?: Partial<RolloutSpec>; readonly groups?: readonly GroupNow[] } = {},
): Simulation {
  const spec = { ...SPEC, ...some.spec };
  const all = names.map((name) =>
    candidate({
      agentName: name.slice(0, 2),
      group: name.charAt(0),
      isConnected: !name.endsWith('!'),
    }),
  );
  const { members } = planOf(spec, all);
  const groups =
    some.groups ??
    [...new Set(all.map(({ group }) => group))].map((name) => groupOf(name, { unavailableMax: 1 }));
  return simulate({ spec, members, groups, upgradeMs: UPGRADE_MS });
}

function groupOf(name: string, some: Partial<GroupNow>): GroupNow {
  return { name, inService: 5, unavailableMax: 1, ...some };
}

/** `NAME START`, in their order. */
function startsOf({ upgrades }: Simulation): readonly string[] {
  return upgrades.map(({ candidate: { agentName }, startMs }) => `${agentName} ${startMs}`);
}

const ONE_WAVE = { waves: [{ kind: 'rest' }] } as const;

describe('N6: what a rollout will do', () => {
  test('groups side by side, one of each after another', () => {
    const found = simulated(['a1', 'a2', 'a3', 'b1'], { spec: ONE_WAVE });
    expect(startsOf(found)).toEqual(['a1 0', 'b1 0', 'a2 100', 'a3 200']);
    expect(found.endMs).toBe(300);
    expect(found.service).toEqual([
      {
        group: 'a',
        steps: [
          { atMs: 0, inService: 4 },
          { atMs: 300, inService: 5 },
        ],
      },
      {
        group: 'b',
        steps: [
          { atMs: 0, inService: 4 },
          { atMs: 100, inService: 5 },
        ],
      },
    ]);
  });

  test('as many of a group at once as it can spare', () => {
    const groups = [groupOf('a', { unavailableMax: 2 })];
    const found = simulated(['a1', 'a2', 'a3'], { spec: ONE_WAVE, groups });
    expect(startsOf(found)).toEqual(['a1 0', 'a2 0', 'a3 100']);
    expect(found.service[0]?.steps).toEqual([
      { atMs: 0, inService: 3 },
      { atMs: 100, inService: 4 },
      { atMs: 200, inService: 5 },
    ]);
  });

  test('a wave waits for the one before it, and for its soak', () => {
    const found = simulated(['a1', 'a2', 'b1'], { spec: { soakMs: 1000 } });
    expect(startsOf(found)).toEqual(['a1 0', 'a2 1100', 'b1 1100']);
    expect(found.upgrades.map(({ wave }) => wave)).toEqual([0, 1, 1]);
    expect(found.endMs).toBe(1200);
    expect(found.service[1]?.steps[0]).toEqual({ atMs: 0, inService: 5 });
  });

  test('people take no time, but it is said how often they are waited for', () => {
    const approved = simulated(['a1', 'a2', 'a3'], { spec: { needsApproval: true } });
    expect([approved.approvals, approved.resumes, approved.endMs]).toEqual([1, 0, 300]);
    const groups = [groupOf('a', { unavailableMax: 3 })];
    const tested = simulated(['a1', 'a2', 'a3', 'a4', 'a5'], {
      spec: { ...ONE_WAVE, pauseAfter: 2 },
      groups,
    });
    expect(startsOf(tested)).toEqual(['a1 0', 'a2 0', 'a3 100', 'a4 100', 'a5 200']);
    expect([tested.approvals, tested.resumes, tested.endMs]).toEqual([0, 2, 300]);
  });

  test('nobody knows when those come that are away', () => {
    const found = simulated(['a1', 'a2!', 'b1!'], { spec: ONE_WAVE });
    expect(startsOf(found)).toEqual(['a1 0']);
    expect(found.away.map(({ agentName }) => agentName)).toEqual(['a2', 'b1']);
  });

  test('of nobody it is over at once', () => {
    expect(simulated([])).toEqual({
      ...{ upgrades: [], away: [], endMs: 0, service: [], approvals: 0, resumes: 0 },
    });
  });

  test('a group that can spare nobody is not waited for without end', () => {
    const groups = [groupOf('a', { unavailableMax: 0 })];
    expect(simulated(['a1'], { groups }).upgrades).toEqual([]);
  });
});

test('RO1: whatever the plan, no group ever serves with fewer than it has without those that it can spare', () => {
  const groupsNow = fc.record({
    spare: fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }),
    unavailableMax: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 3 }),
  });
  fc.assert(
    fc.property(specs, candidates, groupsNow, (spec, all, { spare, unavailableMax }) => {
      const { members } = planOf(spec, all);
      const going = members.filter((member) => member.candidate.isConnected);
      const groups = ['a', 'b', 'c'].map((name, index) => ({
        name,
        inService:
          (spare[index] ?? 0) + going.filter((member) => member.candidate.group === name).length,
        unavailableMax: unavailableMax[index] ?? 1,
      }));
      const found = simulate({ spec, members, groups, upgradeMs: UPGRADE_MS });
      expect(new Set(found.upgrades.map((upgrade) => upgrade.candidate))).toEqual(
        new Set(going.map((member) => member.candidate)),
      );
      expect(found.upgrades).toHaveLength(going.length);
      expect(found.away).toHaveLength(members.length - going.length);
      expect(found.endMs).toBe(Math.max(0, ...found.upgrades.map(({ endMs }) => endMs)));
      for (const group of groups) checkService(found, group);
      checkWaves(found, spec);
    }),
  );
});

/** Counts by itself, at each moment at which something begins or ends, who is away from service. */
function checkService(found: Simulation, group: GroupNow): void {
  const own = found.upgrades.filter((upgrade) => upgrade.candidate.group === group.name);
  const steps = found.service.find((service) => service.group === group.name)?.steps ?? [];
  expect(steps[0]?.atMs).toBe(0);
  expect(steps.at(-1)?.inService).toBe(group.inService);
  const moments = new Set([0, ...own.flatMap(({ startMs, endMs }) => [startMs, endMs])]);
  for (const atMs of moments) {
    const gone = own.filter(({ startMs, endMs }) => startMs <= atMs && atMs < endMs).length;
    expect(gone).toBeLessThanOrEqual(group.unavailableMax);
    const step = steps.findLast((one) => one.atMs <= atMs);
    expect(step?.inService).toBe(group.inService - gone);
  }
}

function checkWaves({ upgrades }: Simulation, spec: RolloutSpec): void {
  for (const [wave] of spec.waves.entries()) {
    const first = upgrades.find((upgrade) => upgrade.wave === wave);
    const before = upgrades.filter((upgrade) => upgrade.wave < wave);
    if (first === undefined || before.length === 0) continue;
    const overMs = Math.max(...before.map(({ endMs }) => endMs));
    expect(first.startMs).toBe(overMs + spec.soakMs);
  }
}
