import type { Component } from '@moult/core/component';
import { type Desired, type DesiredScope, desiredVersionOf } from '@moult/core/desired';
import {
  ACTIVE_STATES,
  isOnWayBack,
  type MemberState,
  type RolloutState,
  readSpec,
  UNSETTLED,
  wayBackOf,
} from '@moult/core/rollout';
import type { Version } from '@moult/core/versions';
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { ChoiceTable, InstanceComponentTable } from '../database.ts';
import { KIND, OPEN_STATES } from './command-rows.ts';
import type { ReadContext } from './context.ts';
import { ONE, prepared } from './prepared.ts';

export interface DesiredOf {
  readonly desired: Desired | null;
  /** The choice behind it, if it is one. */
  readonly choice: ChoiceRow | null;
}

/** For which instance it is asked. */
export interface DesiredSubject {
  readonly instanceId: string;
  readonly agentName: string;
  readonly group: string;
  /** What is known of the component; null: nothing. */
  readonly row:
    | (Pick<InstanceComponentTable, 'given_version' | 'given_position'> & {
        readonly since_position: number | null;
      })
    | null;
}

/** A choice that stands, or (version null) one that was withdrawn. */
export type ChoiceRow = Omit<ChoiceTable, 'version'> & { readonly version: Version | null };

const WANTING = [
  'rollouts.version',
  'rollouts.spec',
  'rollout_members.state',
  'rollout_members.from_version',
] as const;
/** Of an ended one those that were away, and will be upgraded when they come. */
const BINDING: readonly RolloutState[] = [...ACTIVE_STATES, 'ended'];
/** P5: what is only made ready is not given. As text: nothing else of a spec can say that. */
const IS_FETCH_ONLY = '%"pace":"fetch-only"%';
const SCOPES = ['fleet', 'group', 'agent'] as const;
const COLUMNS = [
  'scope',
  'subject',
  'component',
  'position',
  'created_ms',
  'created_by',
  'why',
] as const;

/** By the key: an agent's choice must not be looked for among those of all. */
function choicesAmong(db: ReadContext, subjects: readonly string[]) {
  return choicesWhere(
    db,
    sql`scope in (${sql.join(SCOPES)}) and subject in (${sql.join(subjects)})`,
  );
}

function choicesWhere(db: ReadContext, are: RawBuilder<unknown>) {
  const isMeant = sql<SqlBool>`${are}`;
  const withdrawn = db
    .selectFrom('withdrawn_choices')
    .select([...COLUMNS, sql<Version | null>`null`.as('version')])
    .where(isMeant);
  return db
    .selectFrom('choices')
    .select([...COLUMNS, ({ ref }) => ref('version').$castTo<Version | null>().as('version')])
    .where(isMeant)
    .unionAll(withdrawn);
}

const choicesFor = prepared((db, of: { readonly group: string; readonly agentName: string }) =>
  // Three keys: for lists of values SQLite would make tables first, and this is asked of each agent again and again.
  choicesWhere(
    db,
    sql`(scope = 'fleet' and subject = '') or (scope = 'group' and subject = ${of.group})
      or (scope = 'agent' and subject = ${of.agentName})`,
  ),
);

/** Everything that can concern an agent, of every component. */
export async function choicesOf(
  db: ReadContext,
  of: { readonly group: string; readonly agentName: string },
): Promise<readonly ChoiceRow[]> {
  return choicesFor(db, of);
}

const manualFor = prepared(
  (db, of: { readonly instanceId: string; readonly component: Component }) =>
    db
      .selectFrom('commands')
      .select('version')
      .where('instance_id', '=', of.instanceId)
      .where('component', '=', of.component)
      .where('origin', '=', 'manual')
      .where('pace', '<>', 'fetch-only')
      .where(KIND, '=', 'autoUpgrade')
      .where('state', 'in', OPEN_STATES)
      .orderBy('position', 'desc')
      .limit(ONE),
);

const rolloutsFor = prepared((db, of: { readonly instanceId: string }) =>
  db
    .selectFrom('rollout_members')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_members.rollout_id')
    .select(['rollouts.id', 'rollouts.component', ...WANTING])
    .where('rollout_members.instance_id', '=', of.instanceId)
    .where('rollout_members.state', 'in', UNSETTLED)
    .where('rollouts.state', 'in', BINDING)
    .where('rollouts.spec', 'not like', IS_FETCH_ONLY),
);

/** Who goes back is wanted there, and not where it failed. */
function wantedBy(row: {
  readonly version: Version;
  readonly spec: string;
  readonly state: MemberState;
  readonly from_version: Version | null;
}): Version {
  if (!isOnWayBack(row.state)) return row.version;
  const spec = readSpec(row.spec);
  return (spec === null ? null : wayBackOf(spec, { from: row.from_version })) ?? row.version;
}

/** What rollouts want that have still to do with an instance: the newest of each component. */
export async function rolloutVersionsFor(
  db: ReadContext,
  instanceId: string,
): Promise<ReadonlyMap<Component, Version>> {
  const rows = [...(await rolloutsFor(db, { instanceId }))];
  // Few or none: sorted here, SQLite would make a table for it.
  rows.sort((a, b) => (a.id < b.id ? -1 : 1));
  return new Map(rows.map((row) => [row.component, wantedBy(row)]));
}

/** The desired version of one component of one instance. */
export async function desiredOf(
  db: ReadContext,
  of: DesiredSubject & { readonly component: Component },
): Promise<DesiredOf> {
  const choices = await choicesOf(db, of);
  const [manual] = await manualFor(db, of);
  const rollouts = await rolloutVersionsFor(db, of.instanceId);
  return desiredAmong(choices, {
    ...of,
    manualCommand: manual?.version ?? null,
    runningRollout: rollouts.get(of.component) ?? null,
  });
}

/** What is chosen for it, whatever else is ordered of it or was given to it. */
export function chosenAmong(
  choices: readonly ChoiceRow[],
  of: Pick<DesiredSubject, 'agentName' | 'group'> & { readonly component: Component },
): DesiredOf {
  return desiredAmong(choices, { ...of, row: null, manualCommand: null, runningRollout: null });
}

/** From choices that were read, of which some may concern others. */
export function desiredAmong(
  choices: readonly ChoiceRow[],
  of: Omit<DesiredSubject, 'instanceId'> & {
    readonly component: Component;
    readonly manualCommand: Version | null;
    readonly runningRollout: Version | null;
  },
): DesiredOf {
  const at = (scope: DesiredScope, subject: string) =>
    choices.find(
      (row) => row.component === of.component && row.scope === scope && row.subject === subject,
    ) ?? null;
  return desiredFrom({
    ...of,
    agent: at('agent', of.agentName),
    group: at('group', of.group),
    fleet: at('fleet', ''),
  });
}

/** Of one component of many instances, in their order: the facts are read here, core decides. */
export async function desiredOfAll(
  db: ReadContext,
  of: { readonly component: Component; readonly subjects: readonly DesiredSubject[] },
): Promise<readonly DesiredOf[]> {
  const { component, subjects } = of;
  if (subjects.length === 0) return [];
  const names = ['', ...new Set(subjects.flatMap(({ group, agentName }) => [group, agentName]))];
  const rows = await choicesAmong(db, names).execute();
  const choices = rows.filter((row) => row.component === component);
  const chosen = new Map(choices.map((row) => [`${row.scope} ${row.subject}`, row]));
  const manual = await manualVersions(db, of);
  const rollouts = await rolloutVersions(db, of);
  return subjects.map(({ instanceId, agentName, group, row }) =>
    desiredFrom({
      manualCommand: manual.get(instanceId) ?? null,
      runningRollout: rollouts.get(instanceId) ?? null,
      row,
      agent: chosen.get(`agent ${agentName}`) ?? null,
      group: chosen.get(`group ${group}`) ?? null,
      fleet: chosen.get('fleet ') ?? null,
    }),
  );
}

/** Versions that were ordered by hand and are open, by instance; the newest order of each. */
async function manualVersions(
  db: ReadContext,
  of: { readonly component: Component; readonly subjects: readonly DesiredSubject[] },
): Promise<ReadonlyMap<string, Version>> {
  const rows = await db
    .selectFrom('commands')
    .select(['instance_id', 'version'])
    .where(
      'instance_id',
      'in',
      of.subjects.map(({ instanceId }) => instanceId),
    )
    .where('component', '=', of.component)
    .where('origin', '=', 'manual')
    .where('pace', '<>', 'fetch-only')
    .where(KIND, '=', 'autoUpgrade')
    .where('state', 'in', OPEN_STATES)
    .orderBy('position')
    .execute();
  return new Map(rows.map((row) => [row.instance_id, row.version]));
}

/** Versions of rollouts that have still to do with them, by instance. */
async function rolloutVersions(
  db: ReadContext,
  of: { readonly component: Component; readonly subjects: readonly DesiredSubject[] },
): Promise<ReadonlyMap<string, Version>> {
  const rows = await db
    .selectFrom('rollout_members')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_members.rollout_id')
    .select(['rollout_members.instance_id', ...WANTING])
    .where(
      'rollout_members.instance_id',
      'in',
      of.subjects.map(({ instanceId }) => instanceId),
    )
    .where('rollout_members.state', 'in', UNSETTLED)
    .where('rollouts.component', '=', of.component)
    .where('rollouts.state', 'in', BINDING)
    .where('rollouts.spec', 'not like', IS_FETCH_ONLY)
    .orderBy('rollouts.id')
    .execute();
  return new Map(rows.map((row) => [row.instance_id, wantedBy(row)]));
}

function desiredFrom(facts: {
  readonly manualCommand: Version | null;
  readonly runningRollout: Version | null;
  readonly row: DesiredSubject['row'];
  readonly agent: ChoiceRow | null;
  readonly group: ChoiceRow | null;
  readonly fleet: ChoiceRow | null;
}): DesiredOf {
  const { row } = facts;
  const desired = desiredVersionOf({
    manualCommand: facts.manualCommand,
    runningRollout: facts.runningRollout,
    lastFinished:
      row === null || row.given_version === null || row.given_position === null
        ? null
        : { version: row.given_version, position: row.given_position },
    since: row?.since_position ?? 0,
    agent: facts.agent,
    group: facts.group,
    fleet: facts.fleet,
  });
  const from = desired?.from;
  const choice = from === 'agent' || from === 'group' || from === 'fleet' ? facts[from] : null;
  return { desired, choice };
}

/** What a new host of a group should begin with: group before fleet. */
export async function firstVersions(
  db: ReadContext,
  group: string,
): Promise<readonly { readonly component: Component; readonly version: string }[]> {
  const rows = await db
    .selectFrom('choices')
    .selectAll()
    .where('scope', 'in', ['fleet', 'group'])
    .where('subject', 'in', ['', group])
    .execute();
  const best = new Map<Component, string>();
  for (const scope of ['fleet', 'group'] as const) {
    for (const row of rows) if (row.scope === scope) best.set(row.component, row.version);
  }
  return [...best].map(([component, version]) => ({ component, version }));
}
