/* Agents that want a person: some by name, all by number. */
import { tooOldMarkOf } from '@moult/core/command';
import type { FleetFacts, SomeAgents } from '@moult/core/doctor';
import type { ReadContext } from './context.ts';

/** Names that anybody wants to read; the rest is a number. */
const NAMES_MAX = 5;

/** Reads a row an agent: for people who ask, not for each tick. */
export async function fleetFacts(
  db: ReadContext,
  { notSeenSinceMs }: { readonly notSeenSinceMs: number },
): Promise<FleetFacts> {
  const rows = await db
    .selectFrom('instances')
    .select([
      'agent_name',
      'state',
      'validated_ms',
      'quarantined_ms',
      'enrolled_ms',
      'last_seen_ms',
      'came_up_ms',
      'capabilities',
    ])
    .where('role', '=', 'active')
    .orderBy('agent_name')
    .execute();
  const some = (isSo: (row: (typeof rows)[number]) => boolean): SomeAgents => {
    const names = rows.filter(isSo).map(({ agent_name: name }) => name);
    return { names: names.slice(0, NAMES_MAX), count: names.length };
  };
  return {
    agents: rows.length,
    quarantined: some((row) => row.quarantined_ms !== null),
    unvalidated: some((row) => row.validated_ms === null),
    downLong: some((row) => (row.last_seen_ms ?? row.enrolled_ms) < notSeenSinceMs),
    upgradeFailed: some((row) => row.state === 'Upgrade Failed'),
    // Before its first session nobody knows what it can do.
    tooOld: some(
      (row) =>
        row.came_up_ms !== null &&
        tooOldMarkOf(JSON.parse(row.capabilities) as readonly string[]) ===
          'manual upgrade required',
    ),
  };
}
