/* Releases that somebody may ask for at any time: what is chosen, what runs, and what it would go back to. */
import { COMPONENTS, type Component } from '@moult/core/component';
import type { ChoiceFacts } from '@moult/core/doctor';
import type { ChoiceTable } from '../database.ts';
import type { ReadContext } from './context.ts';

export interface NeededRelease {
  readonly component: Component;
  readonly version: string;
  readonly platform: string;
  /** Of its manifest. */
  readonly digest: string;
}

/** By component, version and platform. */
export async function neededReleases(
  db: ReadContext,
  _args: null,
): Promise<readonly NeededRelease[]> {
  const installed = (column: 'current_digest' | 'previous_digest') =>
    db
      .selectFrom('instance_components')
      .innerJoin('instances', 'instances.id', 'instance_components.instance_id')
      .select(`instance_components.${column} as digest`)
      .where('instances.role', '<>', 'removed')
      .where(`instance_components.${column}`, 'is not', null);
  return await db
    .selectFrom('release_platforms as built')
    .select(['built.component', 'built.version', 'built.platform', 'built.digest'])
    .where(({ or, eb, exists, selectFrom }) =>
      or([
        exists(
          selectFrom('choices')
            .select('choices.version')
            .whereRef('choices.component', '=', 'built.component')
            .whereRef('choices.version', '=', 'built.version'),
        ),
        eb('built.digest', 'in', installed('current_digest')),
        eb('built.digest', 'in', installed('previous_digest')),
      ]),
    )
    .orderBy('built.component')
    .orderBy('built.version')
    .orderBy('built.platform')
    .execute();
}

/** Choices that hold for agents of a platform for which the version is not published. */
export async function impossibleChoices(db: ReadContext, _args: null): Promise<ChoiceFacts> {
  const choices = await db.selectFrom('choices').selectAll().execute();
  const published = await publishedKeys(db);
  const agents = await agentsByPlace(db);
  const impossible = new Map<string, ChoiceFacts['impossible'][number]>();
  for (const place of agents) {
    for (const component of COMPONENTS) {
      const choice = nearest(choices, { ...place, component });
      if (choice === null) continue;
      const { version } = choice;
      const { platform } = place;
      const key = keyOf({ component, version, platform });
      if (published.has(key)) continue;
      const known = impossible.get(key)?.agents ?? 0;
      impossible.set(key, { component, version, platform, agents: known + place.agents });
    }
  }
  return { count: choices.length, impossible: [...impossible.values()] };
}

/** Agents of one group and platform; those with a choice of their own apart, by name. */
interface Place {
  readonly group: string;
  readonly name: string | null;
  readonly platform: string;
  readonly agents: number;
}

async function agentsByPlace(db: ReadContext): Promise<readonly Place[]> {
  const rows = await db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .leftJoin('choices as own', (join) =>
      join.onRef('own.subject', '=', 'agents.name').on('own.scope', '=', 'agent'),
    )
    .select([
      'agents.group_name as group',
      'own.subject as name',
      'instances.platform',
      ({ fn }) => fn.count<number>('agents.name').distinct().as('agents'),
    ])
    .where('instances.role', '=', 'active')
    .groupBy(['agents.group_name', 'own.subject', 'instances.platform'])
    .execute();
  return rows.map((row) => ({ ...row, agents: Number(row.agents) }));
}

async function publishedKeys(db: ReadContext): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('release_platforms as built')
    .innerJoin('releases', (join) =>
      join
        .onRef('releases.component', '=', 'built.component')
        .onRef('releases.version', '=', 'built.version'),
    )
    .select(['built.component', 'built.version', 'built.platform'])
    .where('releases.state', '=', 'published')
    .execute();
  return new Set(rows.map(keyOf));
}

function keyOf(of: Omit<NeededRelease, 'digest'>): string {
  return `${of.component} ${of.version} ${of.platform}`;
}

function nearest(
  choices: readonly ChoiceTable[],
  of: Pick<Place, 'group' | 'name'> & { readonly component: Component },
): ChoiceTable | null {
  const at = (scope: ChoiceTable['scope'], subject: string) =>
    choices.find(
      (row) => row.component === of.component && row.scope === scope && row.subject === subject,
    );
  return (
    (of.name === null ? undefined : at('agent', of.name)) ??
    at('group', of.group) ??
    at('fleet', '') ??
    null
  );
}
