/* Choosing a version for the fleet, a group or an agent, and what cannot be chosen. */
import type { Component } from '@moult/core/component';
import type { DesiredScope } from '@moult/core/desired';
import { CodedError } from '@moult/core/errors';
import { nearestOf } from '@moult/core/nearest';
import type { Version } from '@moult/core/versions';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { platformsOf, releaseOf } from './releases.ts';

export interface Choosing extends Order {
  readonly scope: DesiredScope;
  /** Group or agent name; empty for the fleet. */
  readonly subject: string;
  readonly component: Component;
  /** Null takes the choice back: what is chosen farther away holds from then on (C21). */
  readonly version: Version | null;
}

/** Of those that stand against a choice, so many are named. */
const NAMED_MAX = 3;

/**
 * Gives the choice's position in history. Throws `not-found` for an unknown group, `desired-version-invalid` for what is
 * not published, `release-no-platform` where one that is concerned could never follow.
 */
export async function choose(context: WriteContext, args: Choosing): Promise<number> {
  const { scope, subject, component, version, nowMs, principal, why } = args;
  if (scope === 'group') await requireGroup(context.db, subject);
  if (version !== null) {
    await requirePublished(context.db, { component, version });
    await requireBuilt(context.db, { ...args, version });
  }
  const position = await addHistory(context, {
    nowMs,
    kind: version === null ? 'choice-withdrawn' : 'choice-made',
    principal,
    why,
    component,
    ...(scope === 'agent' ? { agentName: subject } : {}),
    detail: { scope, subject, version },
  });
  for (const table of ['choices', 'withdrawn_choices'] as const) {
    await context.db
      .deleteFrom(table)
      .where('scope', '=', scope)
      .where('subject', '=', subject)
      .where('component', '=', component)
      .execute();
  }
  const row = {
    scope,
    subject,
    component,
    position,
    created_ms: nowMs,
    created_by: principal,
    why,
  };
  if (version === null) await context.db.insertInto('withdrawn_choices').values(row).execute();
  else
    await context.db
      .insertInto('choices')
      .values({ ...row, version })
      .execute();
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

/** A group is known by its agents, or by a token with which they will enroll. */
export async function requireGroup(db: ReadContext, group: string): Promise<void> {
  const groups = await db.selectFrom('groups').select('name').execute();
  const ofTokens = await db
    .selectFrom('tokens')
    .select('group_name as name')
    .distinct()
    .where('group_name', 'is not', null)
    .execute();
  const known = [...groups, ...ofTokens].flatMap(({ name }) => name ?? []);
  if (known.includes(group)) return;
  const near = nearestOf(group, known);
  const hint = near === null ? '' : `, did you mean ${near}?`;
  throw new CodedError('not-found', `there is no group ${group}${hint}`);
}

/**
 * Concerned is who has no nearer choice. Hosts that nobody has validated have no say: whoever holds a token could
 * otherwise keep a fleet from its upgrade.
 */
async function requireBuilt(
  db: ReadContext,
  of: Choosing & { readonly version: Version },
): Promise<void> {
  const { scope, subject, component, version } = of;
  const platforms = await platformsOf(db, { component, version });
  let query = db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .select(['agents.name', 'instances.platform'])
    .where('instances.role', '<>', 'removed')
    .where('instances.validated_ms', 'is not', null)
    .where('instances.platform', 'not in', platforms)
    .orderBy('agents.name')
    .limit(NAMED_MAX + 1);
  if (scope === 'agent') query = query.where('agents.name', '=', subject);
  if (scope === 'group') query = query.where('agents.group_name', '=', subject);
  for (const nearer of ['agent', 'group'] as const) {
    if (scope === 'agent' || scope === nearer) break;
    query = query.where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('choices')
            .select('choices.position')
            .where('choices.scope', '=', nearer)
            .where('choices.component', '=', component)
            .whereRef(
              'choices.subject',
              '=',
              nearer === 'agent' ? 'agents.name' : 'agents.group_name',
            ),
        ),
      ),
    );
  }
  const unable = await query.execute();
  if (unable.length === 0) return;
  const names = unable.slice(0, NAMED_MAX).map(({ name, platform }) => `${name} (${platform})`);
  const more = unable.length > NAMED_MAX ? ' and others' : '';
  throw new CodedError(
    'release-no-platform',
    `${component} ${version} was built for ${platforms.join(', ')}, and not for ${names.join(', ')}${more}`,
  );
}
