import type { Component } from '@moult/core/component';
import type { DesiredScope } from '@moult/core/desired';
import { type Choice, type Desired, desiredVersionOf } from '@moult/core/desired';
import { CodedError } from '@moult/core/errors';
import type { Version } from '@moult/core/versions';
import type { ChoiceTable, InstanceComponentTable } from '../database.ts';
import { OPEN_STATES } from './command-rows.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { prepared } from './prepared.ts';
import { releaseOf } from './releases.ts';

export interface Choosing extends Order {
  readonly scope: DesiredScope;
  /** Group or agent name; empty for the fleet. */
  readonly subject: string;
  readonly component: Component;
  /** Null takes the choice back. */
  readonly version: Version | null;
}

/** Gives the choice's position in history. Throws `desired-version-invalid` for what is not published. */
export async function choose(context: WriteContext, args: Choosing): Promise<number> {
  const { scope, subject, component, version, nowMs, principal, why } = args;
  if (version !== null) await requirePublished(context.db, { component, version });
  const position = await addHistory(context, {
    nowMs,
    kind: version === null ? 'choice-withdrawn' : 'choice-made',
    principal,
    why,
    component,
    ...(scope === 'agent' ? { agentName: subject } : {}),
    detail: { scope, subject, version },
  });
  await context.db
    .deleteFrom('choices')
    .where('scope', '=', scope)
    .where('subject', '=', subject)
    .where('component', '=', component)
    .execute();
  if (version !== null) {
    const row = { scope, subject, component, version, position };
    await context.db
      .insertInto('choices')
      .values({ ...row, created_ms: nowMs, created_by: principal, why })
      .execute();
  }
  return position;
}

export async function requirePublished(
  db: ReadContext,
  name: { readonly component: Component; readonly version: Version },
): Promise<void> {
  const release = await releaseOf(db, name);
  if (release?.state === 'published') return;
  throw new CodedError(
    'desired-version-invalid',
    `${name.component} ${name.version} is not a published release`,
  );
}

export async function fleetChoices(db: ReadContext, _args: null): Promise<readonly ChoiceTable[]> {
  return db.selectFrom('choices').selectAll().where('scope', '=', 'fleet').execute();
}

export interface DesiredOf {
  readonly desired: Desired | null;
  /** The choice behind it, if it is one. */
  readonly choice: ChoiceTable | null;
}

/** For which instance it is asked. */
export interface DesiredSubject {
  readonly instanceId: string;
  readonly agentName: string;
  readonly group: string;
  /** What is known of the component; null: nothing. */
  readonly row: Pick<InstanceComponentTable, 'given_version' | 'given_position'> | null;
}

const choicesFor = prepared((db, of: { readonly group: string; readonly agentName: string }) =>
  db
    .selectFrom('choices')
    .selectAll()
    // By the key: an agent's choice must not be looked for among those of all.
    .where('scope', 'in', ['fleet', 'group', 'agent'])
    .where('subject', 'in', ['', of.group, of.agentName]),
);

/** Everything that can concern an agent, of every component. */
export async function choicesOf(
  db: ReadContext,
  of: { readonly group: string; readonly agentName: string },
): Promise<readonly ChoiceTable[]> {
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
      .where('kind', '=', 'autoUpgrade')
      .where('state', 'in', OPEN_STATES)
      .orderBy('position', 'desc')
      .limit(1),
);

/** The desired version of one component of one instance. */
export async function desiredOf(
  db: ReadContext,
  of: DesiredSubject & { readonly component: Component },
): Promise<DesiredOf> {
  const choices = await choicesOf(db, of);
  const [manual] = await manualFor(db, of);
  return desiredAmong(choices, { ...of, manualCommand: manual?.version ?? null });
}

/** From choices that were read, of which some may concern others. */
export function desiredAmong(
  choices: readonly ChoiceTable[],
  of: DesiredSubject & { readonly component: Component; readonly manualCommand: Version | null },
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
  const names = subjects.flatMap(({ group, agentName }) => [group, agentName]);
  const choices = await db
    .selectFrom('choices')
    .selectAll()
    .where('scope', 'in', ['fleet', 'group', 'agent'])
    .where('subject', 'in', ['', ...new Set(names)])
    .where('component', '=', component)
    .execute();
  const chosen = new Map(choices.map((row) => [`${row.scope} ${row.subject}`, row]));
  const manual = await manualVersions(db, of);
  return subjects.map(({ instanceId, agentName, group, row }) =>
    desiredFrom({
      manualCommand: manual.get(instanceId) ?? null,
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
    .where('kind', '=', 'autoUpgrade')
    .where('state', 'in', OPEN_STATES)
    .orderBy('position')
    .execute();
  return new Map(rows.map((row) => [row.instance_id, row.version]));
}

function desiredFrom(facts: {
  readonly manualCommand: Version | null;
  readonly row: DesiredSubject['row'];
  readonly agent: ChoiceTable | null;
  readonly group: ChoiceTable | null;
  readonly fleet: ChoiceTable | null;
}): DesiredOf {
  const { row } = facts;
  const desired = desiredVersionOf({
    manualCommand: facts.manualCommand,
    runningRollout: null,
    lastFinished:
      row === null || row.given_version === null || row.given_position === null
        ? null
        : { version: row.given_version, position: row.given_position },
    agent: choiceOf(facts.agent),
    group: choiceOf(facts.group),
    fleet: choiceOf(facts.fleet),
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

function choiceOf(row: ChoiceTable | null): Choice | null {
  return row === null ? null : { version: row.version, position: row.position };
}
