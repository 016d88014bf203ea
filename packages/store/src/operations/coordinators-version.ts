/* The fleet's default (H2): the agent release that belongs to the coordinator's own version, unless somebody has chosen another. */
import type { Version } from '@moult/core/versions';
import { COORDINATOR, type ReadContext, type WriteContext } from './context.ts';
import { isInMaintenance } from './maintenance.ts';
import { releaseOf } from './releases.ts';
import { type Chosen, chooseForMany } from './rollout/of-choices.ts';
import { policyFor } from './settings.ts';

export interface FollowingAsked {
  /** The coordinator's own. */
  readonly version: Version;
  readonly nowMs: number;
}

/**
 * Whether the fleet has still to be brought to it. A person's choice stands; one that the coordinator has made is no
 * choice of anybody's, and gives way to the next: also to an older one, since a coordinator that was taken back need not
 * understand newer agents. Two of different versions on one store would take turns; SQLite lets one work on it (`database-locked`).
 */
export async function isFollowingDue(db: ReadContext, of: FollowingAsked): Promise<boolean> {
  const row = await db
    .selectFrom('choices')
    .select(['version', 'created_by'])
    .where('scope', '=', 'fleet')
    .where('subject', '=', '')
    .where('component', '=', 'agent')
    .executeTakeFirst();
  if (row !== undefined && (row.created_by !== COORDINATOR || row.version === of.version))
    return false;
  const release = await releaseOf(db, { component: 'agent', version: of.version });
  if (release?.state !== 'published') return false;
  if (!(await policyFor(db, { group: null })).followsCoordinator) return false;
  return !(await isInMaintenance(db, of.nowMs));
}

/** Null: there is nothing to do. Throws what choosing throws. */
export async function followCoordinator(
  context: WriteContext,
  args: FollowingAsked & { readonly connected: readonly string[] },
): Promise<Chosen | null> {
  if (!(await isFollowingDue(context.db, args))) return null;
  return await chooseForMany(context, {
    ...args,
    scope: 'fleet',
    subject: '',
    component: 'agent',
    principal: COORDINATOR,
    why: 'the release of the coordinator’s own version',
  });
}
