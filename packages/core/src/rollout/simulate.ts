/*
 * What a rollout will probably do (N6), before it starts: the verdicts of the real one, over time that is only counted.
 * Supposed is that every upgrade succeeds and takes as long as upgrades have taken, and that people approve and resume at
 * once. Nobody knows when those come that are away: they are left out.
 */
import type { MemberState } from './machine.ts';
import type { Candidate, PlannedMember } from './plan.ts';
import type { RolloutSpec } from './spec.ts';
import { NO_MEMBERS, slotsFree, type Verdict, verdictOf } from './verdict.ts';

export interface GroupNow {
  readonly name: string;
  /** Agents of it that serve now, also those that the rollout leaves alone. */
  readonly inService: number;
  /** 1 or more. */
  readonly unavailableMax: number;
}

export interface SimulatedRollout {
  readonly spec: RolloutSpec;
  /** As planned, in the order of their places. */
  readonly members: readonly PlannedMember[];
  /** Each that has a member, by name: in that order slots are given where test mode lets only a few start. */
  readonly groups: readonly GroupNow[];
  /** Of one agent, from its start to its commit, as measured; above 0. */
  readonly upgradeMs: number;
}

/** Times are ms since the start of the rollout. */
export interface Simulation {
  /** In the order in which they start; those that start at once by group. */
  readonly upgrades: readonly SimulatedUpgrade[];
  readonly away: readonly Candidate[];
  readonly endMs: number;
  readonly service: readonly GroupService[];
  /** How often it waits for a person: it ends later by as long as they take. */
  readonly approvals: number;
  readonly resumes: number;
}

export interface SimulatedUpgrade {
  readonly candidate: Candidate;
  readonly wave: number;
  readonly startMs: number;
  readonly endMs: number;
}

export interface GroupService {
  readonly group: string;
  /** So many serve from `atMs` until that of the next step. The first is at 0. */
  readonly steps: readonly { readonly atMs: number; readonly inService: number }[];
}

export function simulate(asked: SimulatedRollout): Simulation {
  const course = courseOf(asked);
  // Each turn starts somebody, ends somebody, resumes, lets a wave soak or approves one; the last finds the end.
  const turnsMax = 3 * asked.members.length + 2 * asked.spec.waves.length + 1;
  for (let turn = 0; turn < turnsMax; turn++) {
    const { spec } = asked;
    const status = { ...course, spec, failuresForgiven: 0, isPublished: true };
    const verdict = verdictOf(status, course.nowMs);
    if (!takeTurn(course, verdict)) break;
  }
  const { upgrades, approvals, resumes } = course;
  const upgradesOf = byGroup(upgrades);
  return {
    upgrades,
    away: asked.members.map(({ candidate }) => candidate).filter((one) => !one.isConnected),
    endMs: upgrades.at(-1)?.endMs ?? 0,
    service: asked.groups.map((group) => serviceOf(group, upgradesOf.get(group.name) ?? [])),
    approvals,
    resumes,
  };
}

interface Course {
  readonly waves: readonly WaveCourse[];
  /** By name. */
  readonly groups: ReadonlyMap<string, GroupCourse>;
  readonly upgradeMs: number;
  readonly upgrades: SimulatedUpgrade[];
  /** Upgrades take equally long: they end in the order of their starts. So many have. */
  ended: number;
  nowMs: number;
  doneAtResume: number;
  approvals: number;
  resumes: number;
}

interface WaveCourse {
  readonly counts: Record<MemberState, number>;
  lastEndMs: number | null;
  isApproved: boolean;
}

interface GroupCourse {
  readonly group: GroupNow;
  readonly members: readonly PlannedMember[];
  /** How many of its members have started. */
  started: number;
  inFlight: number;
}

function courseOf({ spec, members, groups, upgradeMs }: SimulatedRollout): Course {
  const going = members.filter(({ candidate }) => candidate.isConnected);
  const membersOf = byGroup(going);
  return {
    waves: spec.waves.map((_, wave) => ({
      counts: { ...NO_MEMBERS, waiting: going.filter((member) => member.wave === wave).length },
      lastEndMs: null,
      isApproved: false,
    })),
    groups: new Map(
      groups.map((group) => [
        group.name,
        { group, members: membersOf.get(group.name) ?? [], started: 0, inFlight: 0 },
      ]),
    ),
    upgradeMs,
    upgrades: [],
    ...{ ended: 0, nowMs: 0, doneAtResume: 0, approvals: 0, resumes: 0 },
  };
}

/** False: nothing will happen any more. */
function takeTurn(course: Course, verdict: Verdict): boolean {
  switch (verdict.kind) {
    case 'halt':
    case 'end':
      return false;
    case 'pause':
      course.doneAtResume = course.ended;
      course.resumes++;
      return true;
    case 'start':
      return startSome(course, verdict) || endNext(course);
    case 'wait':
      if (verdict.reason === 'upgrading') return endNext(course);
      return verdict.untilMs === null
        ? approve(course, verdict.wave)
        : soak(course, verdict.untilMs);
  }
}

function soak(course: Course, untilMs: number): boolean {
  course.nowMs = untilMs;
  return true;
}

function approve(course: Course, wave: number): boolean {
  const own = course.waves[wave];
  if (own === undefined) return false;
  own.isApproved = true;
  course.approvals++;
  return true;
}

/** False: no group can spare anybody. */
function startSome(course: Course, verdict: Extract<Verdict, { readonly kind: 'start' }>): boolean {
  let free = verdict.atMost ?? Number.POSITIVE_INFINITY;
  const before = course.upgrades.length;
  for (const own of course.groups.values()) {
    const { unavailableMax } = own.group;
    const most = Math.min(free, slotsFree({ unavailableMax, inFlight: own.inFlight }));
    const next = own.members
      .slice(own.started, own.started + most)
      .filter(({ wave }) => wave <= verdict.wave);
    for (const member of next) start(course, own, member);
    free -= next.length;
  }
  return course.upgrades.length > before;
}

function start(course: Course, own: GroupCourse, { candidate, wave }: PlannedMember): void {
  const { nowMs, upgradeMs, waves } = course;
  own.started++;
  own.inFlight++;
  const counts = waves[wave]?.counts;
  if (counts !== undefined) {
    counts.waiting--;
    counts.upgrading++;
  }
  course.upgrades.push({ candidate, wave, startMs: nowMs, endMs: nowMs + upgradeMs });
}

/** False: nobody upgrades. */
function endNext(course: Course): boolean {
  const first = course.upgrades[course.ended];
  if (first === undefined) return false;
  course.nowMs = first.endMs;
  // All that end at that time; as many turns as upgrades would do, but the slots that they leave are free at once.
  for (const upgrade of course.upgrades.slice(course.ended)) {
    if (upgrade.endMs > first.endMs) break;
    end(course, upgrade);
  }
  return true;
}

function end(course: Course, { candidate, wave, endMs }: SimulatedUpgrade): void {
  course.ended++;
  const own = course.groups.get(candidate.group);
  if (own !== undefined) own.inFlight--;
  const status = course.waves[wave];
  if (status === undefined) return;
  status.counts.upgrading--;
  status.counts.done++;
  status.lastEndMs = endMs;
}

function serviceOf(group: GroupNow, upgrades: readonly SimulatedUpgrade[]): GroupService {
  const changes = new Map<number, number>([[0, 0]]);
  const add = (atMs: number, by: number) => changes.set(atMs, (changes.get(atMs) ?? 0) + by);
  for (const { startMs, endMs } of upgrades) {
    add(startMs, -1);
    add(endMs, 1);
  }
  let { inService } = group;
  const steps: { readonly atMs: number; readonly inService: number }[] = [];
  for (const [atMs, by] of [...changes].sort(([a], [b]) => a - b)) {
    inService += by;
    // Where one goes as another comes back nothing changes.
    if (by !== 0 || atMs === 0) steps.push({ atMs, inService });
  }
  return { group: group.name, steps };
}

function byGroup<Of extends { readonly candidate: Candidate }>(
  all: readonly Of[],
): ReadonlyMap<string, readonly Of[]> {
  const groups = new Map<string, Of[]>();
  for (const one of all) {
    const list = groups.get(one.candidate.group);
    if (list === undefined) groups.set(one.candidate.group, [one]);
    else list.push(one);
  }
  return groups;
}
