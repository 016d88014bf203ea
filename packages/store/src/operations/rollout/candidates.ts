/* What a plan is made of: of each agent that a rollout was made for, what it reports now. */
import { knowsPace } from '@moult/core/command';
import type { Component } from '@moult/core/component';
import type { Candidate } from '@moult/core/rollout';
import type { Pace } from '@moult/core/upgrade';
import type { Version } from '@moult/core/versions';
import type { ReadContext } from '../context.ts';
import { changesIn, hasNoLauncher } from '../host-facts.ts';
import type { Slot } from '../slot.ts';

/** Of one query: engines limit their parameters. */
const CHUNK = 500;

export interface CandidatesAsked {
  readonly component: Component;
  readonly version: Version;
  readonly pace: Pace;
  /** Where all would go back to; null or absent: each to what it runs. */
  readonly rollBackTo?: Version | null;
  readonly agents: readonly {
    readonly instanceId: string;
    readonly isConnected: boolean;
    /** It could not begin now (core/rollout, Candidate). */
    readonly isHeld?: boolean;
  }[];
}

/** In the order asked for, without those that are gone. */
export async function rolloutCandidates(
  db: ReadContext,
  asked: CandidatesAsked,
): Promise<readonly Candidate[]> {
  const { component, version, agents } = asked;
  const built = new Map(
    (
      await db
        .selectFrom('release_platforms')
        .select(['platform', 'digest', 'is_irreversible'])
        .where('component', '=', component)
        .where('version', '=', version)
        .execute()
    ).map((row) => [row.platform, row]),
  );
  const published = new Set(
    (
      await db
        .selectFrom('releases')
        .select('version')
        .where('component', '=', component)
        .where('state', '=', 'published')
        .execute()
    ).map((row) => row.version),
  );
  const found: Candidate[] = [];
  for (let from = 0; from < agents.length; from += CHUNK) {
    const part = agents.slice(from, from + CHUNK);
    const rows = await rowsOf(db, component, part);
    for (const { instanceId, isConnected, isHeld = false } of part) {
      const row = rows.get(instanceId);
      if (row === undefined) continue;
      const release = built.get(row.platform);
      const refused = JSON.parse(row.refused ?? '[]') as readonly Slot[];
      const capabilities = JSON.parse(row.capabilities) as readonly string[];
      const isUnknown = row.came_up_ms === null && capabilities.length === 0;
      found.push({
        instanceId,
        agentName: row.agent_name,
        group: row.group_name,
        platform: row.platform,
        version: row.current_version,
        isConnected,
        isHeld,
        hasPlatform: release !== undefined,
        isCapable: isUnknown ? null : capabilities.includes('auto-upgrade'),
        isPaceKnown: knowsPace(isUnknown ? null : capabilities, asked.pace),
        isRefusedHere: refused.some((slot) => slot.digest === release?.digest),
        canGoBack: published.has(asked.rollBackTo ?? row.current_version ?? ''),
        hasChanges: row.changed !== null && changesIn({ changed: row.changed }).count > 0,
        hasLauncher: !hasNoLauncher(row),
        isIrreversible: release?.is_irreversible === 1,
      });
    }
  }
  return found;
}

async function rowsOf(db: ReadContext, component: Component, agents: CandidatesAsked['agents']) {
  const rows = await db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .leftJoin('instance_components as own', (join) =>
      join.onRef('own.instance_id', '=', 'instances.id').on('own.component', '=', component),
    )
    .select([
      'instances.id',
      'instances.agent_name',
      'instances.platform',
      'instances.capabilities',
      'instances.came_up_ms',
      'instances.marks',
      'agents.group_name',
      'own.current_version',
      'own.refused',
      'own.changed',
    ])
    .where(
      'instances.id',
      'in',
      agents.map(({ instanceId }) => instanceId),
    )
    .where('instances.role', '<>', 'removed')
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}
