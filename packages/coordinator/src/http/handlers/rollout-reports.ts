/* What is told of a rollout and its agents beyond where it stands (R18, R23). */
import type { Rollout, RolloutMember } from '@moult/api';
import type { ResponseOf } from '@moult/api/client';
import { isFailureKind, memberReasonOf, NO_MEMBERS, whyOf } from '@moult/core/rollout';
import type {
  ReportedUpgrade,
  RolloutCommandView,
  RolloutMemberView,
  RolloutTotals,
  Store,
} from '@moult/store';
import type { Handlers } from '../handler.ts';
import { gapMsOf, historyEntryOf } from '../views.ts';
import { viewOf } from './rollout-view.ts';

/** Of those that upgrade, and of those that lately have: a fleet has more than anybody reads. */
const SHOWN_MAX = 20;
/** What is done to one rollout; a person does not do more in its whole life. */
const ACTS_MAX = 1_000;

type ReportHandlers = Pick<
  Handlers,
  'listRolloutAgents' | 'listRolloutCommands' | 'reportRollout' | 'whyRollout'
>;

export function rolloutReportHandlers({ store }: { readonly store: Store }): ReportHandlers {
  const rolloutOf = async (name: string) => viewOf(await store.read('rolloutView', name));
  return {
    listRolloutAgents: async ({ params, query }) => {
      const { state = null, after = null, limit } = query;
      const page = { rollout: params.rollout, state, after, limit: limit + 1 };
      const rows = await store.read('rolloutMembers', page);
      const rollout = await rolloutOf(params.rollout);
      const agents = rows.slice(0, limit).map((row) => memberViewOf(rollout, row));
      return { agents, next: rows.length > limit ? (agents.at(-1)?.place ?? null) : null };
    },
    listRolloutCommands: async ({ params, query }) => {
      const { agent = null, after = null, limit } = query;
      const { id: rolloutId } = await rolloutOf(params.rollout);
      const page = { rolloutId, agent, after, limit: limit + 1 };
      const rows = await store.read('rolloutCommands', page);
      const commands = rows.slice(0, limit).map(commandViewOf);
      return { commands, next: rows.length > limit ? (commands.at(-1)?.commandId ?? null) : null };
    },
    reportRollout: async ({ params }) => {
      const rollout = await rolloutOf(params.rollout);
      const { id: rolloutId } = rollout;
      const totals = await store.read('rolloutTotals', rolloutId);
      const now = {
        rollout: rolloutId,
        state: 'upgrading',
        after: null,
        limit: SHOWN_MAX,
      } as const;
      const upgrading = await store.read('rolloutMembers', now);
      const lately = await store.read('rolloutMembersLately', { rolloutId, limit: SHOWN_MAX });
      const acts = await store.read('rolloutActs', { rolloutId, limit: ACTS_MAX });
      return {
        rollout,
        ...totalsOf(totals),
        upgrading: upgrading.map((row) => memberViewOf(rollout, row)),
        lately: lately.map((row) => memberViewOf(rollout, row)),
        acts: acts.map(historyEntryOf).reverse(),
      };
    },
    whyRollout: async ({ params }) => {
      const rollout = await rolloutOf(params.rollout);
      const members = await store.read('unfinishedMembers', rollout.id);
      const reasons = whyOf(rollout, members);
      return { rollout, reasons: reasons.map((one) => ({ ...one, names: [...one.names] })) };
    },
  };
}

function memberViewOf(rollout: Rollout, row: RolloutMemberView): RolloutMember {
  return {
    agent: row.agent_name,
    group: row.group_name,
    platform: row.platform ?? '',
    wave: row.wave,
    place: row.place,
    state: row.state,
    holdReason: memberReasonOf(rollout, {
      ...{ state: row.state, wave: row.wave },
      holdReason: row.hold_reason ?? row.command_hold_reason,
    }),
    from: row.from_version,
    tries: row.tries,
    commandId: row.command_id,
    step: stepOf(row),
    startedMs: row.started_ms,
    endedMs: row.ended_ms,
    code: row.code,
    message: row.message,
    failure: isFailureKind(row.failure) ? row.failure : null,
  };
}

/** An agent speaks of one upgrade, which may be another one's, or one that is over for its rollout. */
function stepOf({
  state,
  command_id: commandId,
  reported_upgrade: text,
}: RolloutMemberView): string | null {
  if (state !== 'upgrading' && state !== 'rolling-back') return null;
  const upgrade = text === null ? null : (JSON.parse(text) as ReportedUpgrade);
  return upgrade?.commandId === commandId ? upgrade.step : null;
}

function commandViewOf(
  row: RolloutCommandView,
): ResponseOf<'listRolloutCommands'>['commands'][number] {
  const { attempt } = row;
  return {
    commandId: row.id,
    agent: row.agent_name,
    group: row.group_name,
    platform: row.platform ?? '',
    wave: row.wave,
    place: row.place,
    from: attempt?.from_version ?? null,
    to: row.version,
    state: row.state,
    outcome: row.outcome,
    code: row.code,
    message: row.message,
    orderedMs: row.created_ms,
    orderedBy: row.created_by,
    startedMs: attempt?.started_ms ?? null,
    endedMs: row.ended_ms,
    bytesFetched: attempt?.bytes_fetched ?? 0,
    gapMs: attempt === null ? null : gapMsOf(attempt),
  };
}

type Report = ResponseOf<'reportRollout'>;

function totalsOf({
  members,
  commands,
  bytesFetched,
}: RolloutTotals): Pick<Report, 'platforms' | 'groups' | 'commands' | 'bytesFetched'> {
  const platforms = new Map<string, Rollout['counts']>();
  const groups = new Map<string, Rollout['counts']>();
  for (const { platform, group, state, agents } of members) {
    for (const [totals, key] of [
      [platforms, platform],
      [groups, group],
    ] as const) {
      const counts = totals.get(key) ?? { ...NO_MEMBERS };
      counts[state] += agents;
      totals.set(key, counts);
    }
  }
  return {
    platforms: [...platforms].map(([platform, counts]) => ({ platform, counts })),
    groups: [...groups].map(([group, counts]) => ({ group, counts })),
    ...{ commands, bytesFetched },
  };
}
