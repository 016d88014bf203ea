/* What is chosen, and what can be: for those who choose (R15). */
import type { Component } from '@moult/core/component';
import type { Version } from '@moult/core/versions';
import type { ChoiceTable } from '../database.ts';
import { requireGroup } from './choosing.ts';
import type { ReadContext } from './context.ts';

export interface ChoiceView {
  readonly choice: ChoiceTable;
  /** Agents that it is for: those without a nearer one. */
  readonly agents: number;
}

export interface ChoicePage {
  /** Null: all choices. Else the fleet's, the group's and its agents'; throws `not-found` where there is no such group. */
  readonly group: string | null;
  /** By position in history. */
  readonly before: number | null;
  readonly limit: number;
}

/** Newest first. */
export async function choicePage(
  db: ReadContext,
  page: ChoicePage,
): Promise<readonly ChoiceView[]> {
  const { group, before } = page;
  if (group !== null) await requireGroup(db, group);
  let query = db
    .selectFrom('choices')
    .leftJoin('agents', 'agents.name', 'choices.subject')
    .selectAll('choices')
    .orderBy('position', 'desc')
    .limit(page.limit);
  if (before !== null) query = query.where('position', '<', before);
  if (group !== null) {
    query = query.where(({ or, and, eb }) =>
      or([
        eb('scope', '=', 'fleet'),
        and([eb('scope', '=', 'group'), eb('subject', '=', group)]),
        and([eb('scope', '=', 'agent'), eb('agents.group_name', '=', group)]),
      ]),
    );
  }
  const choices = await query.execute();
  const followers = await followersOf(db);
  return choices.map((choice) => ({ choice, agents: followers(choice) }));
}

/** How many follow a choice: counted by group, so that a large fleet costs two queries. */
async function followersOf(db: ReadContext): Promise<(choice: ChoiceTable) => number> {
  const groups = await db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .select([
      'agents.group_name',
      ({ fn }) => fn.count<number>('agents.name').distinct().as('agents'),
    ])
    .where('instances.role', '<>', 'removed')
    .groupBy('agents.group_name')
    .execute();
  const ofOwn = await db
    .selectFrom('choices')
    .innerJoin('agents', 'agents.name', 'choices.subject')
    .select(['agents.group_name', 'component', ({ fn }) => fn.countAll<number>().as('agents')])
    .where('scope', '=', 'agent')
    .groupBy(['agents.group_name', 'component'])
    .execute();
  const chosen = await db
    .selectFrom('choices')
    .select(['subject', 'component'])
    .where('scope', '=', 'group')
    .execute();
  const without = (group: string, component: Component) => {
    const all = groups.find(({ group_name }) => group_name === group)?.agents ?? 0;
    const own = ofOwn.find((row) => row.group_name === group && row.component === component);
    return Number(all) - Number(own?.agents ?? 0);
  };
  return ({ scope, subject, component }) => {
    if (scope === 'agent') return 1;
    if (scope === 'group') return without(subject, component);
    const nearer = new Set(
      chosen.flatMap((row) => (row.component === component ? row.subject : [])),
    );
    return groups
      .filter(({ group_name }) => !nearer.has(group_name))
      .reduce((sum, { group_name }) => sum + without(group_name, component), 0);
  };
}

export interface PlatformOffer {
  readonly platform: string;
  readonly agents: number;
  /** In no particular order; versions are compared above. */
  readonly versions: readonly {
    readonly version: Version;
    readonly digest: string;
    readonly publishedMs: number | null;
    /** Those of the platform that run it now. */
    readonly agents: number;
  }[];
}

/** Published releases by platform, with who runs them; of a group: for the platforms that its agents have. */
export async function offers(
  db: ReadContext,
  of: { readonly component: Component; readonly group: string | null },
): Promise<readonly PlatformOffer[]> {
  if (of.group !== null) await requireGroup(db, of.group);
  const releases = await publishedOf(db, of.component);
  const counts = await runningOf(db, of);
  const platforms = new Set(counts.map(({ platform }) => platform));
  if (of.group === null) for (const { platform } of releases) platforms.add(platform);
  return [...platforms].sort().map((platform) => {
    const here = counts.filter((row) => row.platform === platform);
    const running = new Map(here.map((row) => [row.version, Number(row.agents)]));
    return {
      platform,
      agents: here.reduce((sum, row) => sum + Number(row.agents), 0),
      versions: releases
        .filter((row) => row.platform === platform)
        .map(({ version, digest, published_ms: publishedMs }) => {
          return { version, digest, publishedMs, agents: running.get(version) ?? 0 };
        }),
    };
  });
}

function publishedOf(db: ReadContext, component: Component) {
  return db
    .selectFrom('release_platforms as built')
    .innerJoin('releases', (join) =>
      join
        .onRef('releases.component', '=', 'built.component')
        .onRef('releases.version', '=', 'built.version'),
    )
    .select(['built.platform', 'built.version', 'built.digest', 'releases.published_ms'])
    .where('built.component', '=', component)
    .where('releases.state', '=', 'published')
    .execute();
}

/** Those that never said what they run are among them, with the version null. */
function runningOf(
  db: ReadContext,
  of: { readonly component: Component; readonly group: string | null },
) {
  const query = db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .leftJoin('instance_components as part', (join) =>
      join.onRef('part.instance_id', '=', 'instances.id').on('part.component', '=', of.component),
    )
    .select([
      'instances.platform',
      'part.current_version as version',
      ({ fn }) => fn.count<number>('agents.name').distinct().as('agents'),
    ])
    .where('instances.role', '<>', 'removed')
    .groupBy(['instances.platform', 'part.current_version']);
  const { group } = of;
  return (group === null ? query : query.where('agents.group_name', '=', group)).execute();
}
