/*
 * How many of each group may start now (RO1, RO22). Asked for some groups, where a place became free, each is looked at by
 * itself, so that the work is as much as what changed; asked for all, or for many, they are counted together.
 */
import type { Component } from '@moult/core/component';
import { byPriority, readSpec, slotsFree, type Verdict } from '@moult/core/rollout';
import type { RolloutTable } from '../../rollout-tables.ts';
import { IN_FLIGHT_STATES, KIND } from '../command-rows.ts';
import type { ReadContext } from '../context.ts';
import { UNAVAILABLE_MAX, unavailableMaxOf } from '../groups.ts';
import { prepared } from '../prepared.ts';

/** Counting all together costs about as much as looking at so many. */
const ASKED_MAX = 50;

export interface Room {
  readonly group: string;
  readonly free: number;
}

export interface RoomsAsked {
  readonly row: RolloutTable;
  /** Waves whose agents may start. */
  readonly open: readonly number[];
  /** Null: all that have agents who wait. */
  readonly groups: readonly string[] | null;
  /** Of another rollout of the same component. */
  readonly verdictOf: (other: RolloutTable) => Promise<Verdict>;
}

/** At any other pace its agents are left at their work, until they drain at least. */
export function takesPlaces(row: RolloutTable): boolean {
  return readSpec(row.spec)?.pace === 'now';
}

/** By name; those without room are left out. */
export async function roomsFor(db: ReadContext, asked: RoomsAsked): Promise<readonly Room[]> {
  const { groups } = asked;
  const isForSome = groups !== null && groups.length <= ASKED_MAX;
  const rooms = isForSome ? await roomsIn(db, asked, groups) : await roomsOfAll(db, asked);
  return rooms.filter(({ free }) => free > 0);
}

async function roomsIn(
  db: ReadContext,
  asked: RoomsAsked,
  groups: readonly string[],
): Promise<readonly Room[]> {
  const { component } = asked.row;
  const wanted = await wantedBefore(db, asked);
  const rooms: Room[] = [];
  for (const group of [...groups].sort()) {
    rooms.push({ group, free: await roomIn(db, { group, component }, wanted.get(group)) });
  }
  return rooms;
}

/** `wanted`: what others take before. */
export async function roomIn(db: ReadContext, of: GroupAsked, wanted = 0): Promise<number> {
  const unavailableMax = await unavailableMaxOf(db, of.group);
  const [others] = await othersIn(db, of);
  const [own] = await ofRolloutsIn(db, of);
  const inFlight = Number(others?.count) + Number(own?.count) + wanted;
  return slotsFree({ unavailableMax, inFlight });
}

async function roomsOfAll(db: ReadContext, asked: RoomsAsked): Promise<readonly Room[]> {
  const { row, open } = asked;
  const groups = await db
    .selectFrom('rollout_members')
    .where('rollout_id', '=', row.id)
    .where('state', '=', 'waiting')
    .where('wave', 'in', open)
    // Of a group that was removed there may be an agent that was, too.
    .leftJoin('groups', 'groups.name', 'rollout_members.group_name')
    .select(['rollout_members.group_name as name', 'groups.unavailable_max'])
    .distinct()
    .orderBy('rollout_members.group_name')
    .execute();
  const inFlight = await inFlightByGroup(db, row);
  const wanted = await wantedBefore(db, asked);
  return groups.map(({ name: group, unavailable_max: max }) => ({
    group,
    free: slotsFree({
      unavailableMax: max ?? UNAVAILABLE_MAX,
      // RO22: what is wanted by those that come before it is as good as taken.
      inFlight: (inFlight.get(group) ?? 0) + (wanted.get(group) ?? 0),
    }),
  }));
}

/** RO22: how many of each group the running rollouts that come before it could start now. */
async function wantedBefore(
  db: ReadContext,
  { row, verdictOf }: RoomsAsked,
): Promise<ReadonlyMap<string, number>> {
  const running = await db
    .selectFrom('rollouts')
    .selectAll()
    .where('state', '=', 'running')
    .where('component', '=', row.component)
    .where('id', '<>', row.id)
    .execute();
  const wanted = new Map<string, number>();
  const before = running.filter((one) => byPriority(one, row) < 0 && takesPlaces(one));
  for (const other of before) {
    const verdict = await verdictOf(other);
    if (verdict.kind !== 'start') continue;
    const waiting = await db
      .selectFrom('rollout_members')
      .select(['group_name', ({ fn }) => fn.countAll<number>().as('count')])
      .where('rollout_id', '=', other.id)
      .where('state', '=', 'waiting')
      .where('wave', '<=', verdict.wave)
      .groupBy('group_name')
      .execute();
    for (const { group_name: name, count } of waiting) {
      const most = Math.min(Number(count), verdict.atMost ?? Number(count));
      wanted.set(name, (wanted.get(name) ?? 0) + most);
    }
  }
  return wanted;
}

interface GroupAsked {
  readonly group: string;
  readonly component: Component;
}

const othersIn = prepared((db, of: GroupAsked) =>
  others(db, of.component).where('group_name', '=', of.group),
);

const ofRolloutsIn = prepared((db, of: GroupAsked) =>
  ofRollouts(db, of.component).where('rollout_members.group_name', '=', of.group),
);

/** Of all rollouts, choices and orders by hand: what is away is away. */
async function inFlightByGroup(
  db: ReadContext,
  { component }: RolloutTable,
): Promise<ReadonlyMap<string, number>> {
  const found = [
    ...(await others(db, component).select('group_name').groupBy('group_name').execute()),
    ...(await ofRollouts(db, component)
      .select('rollout_members.group_name')
      .groupBy('rollout_members.group_name')
      .execute()),
  ];
  const all = new Map<string, number>();
  for (const { group_name: name, count } of found)
    all.set(name, (all.get(name) ?? 0) + Number(count));
  return all;
}

function others(db: ReadContext, component: Component) {
  return db
    .selectFrom('commands')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('state', 'in', IN_FLIGHT_STATES)
    .where(KIND, '=', 'autoUpgrade')
    .where('component', '=', component)
    .where('origin', '<>', 'rollout')
    .where('has_place', '=', 1);
}

function ofRollouts(db: ReadContext, component: Component) {
  return db
    .selectFrom('rollout_members')
    .innerJoin('commands', 'commands.id', 'rollout_members.command_id')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('rollout_members.state', 'in', ['upgrading', 'rolling-back'])
    .where('commands.component', '=', component)
    .where('commands.has_place', '=', 1);
}
