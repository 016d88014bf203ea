/* Rollouts and plans as the API gives them. */
import type { Rollout, RolloutPlan } from '@moult/api';
import {
  isActive,
  type Plan,
  type RolloutSpec,
  readSpec,
  startHoldOf,
  sumOf,
} from '@moult/core/rollout';
import { compareVersions } from '@moult/core/versions';
import { countsOf, type RolloutView } from '@moult/store';

export type SpecGiven = { readonly [Key in keyof RolloutSpec]?: RolloutSpec[Key] | undefined };

export function specGiven(spec: SpecGiven): Partial<RolloutSpec> {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
}

export function planView(plan: Plan): RolloutPlan {
  const totals = new Map<string, { platform: string; from: string | null; agents: number }>();
  for (const { candidate } of plan.members) {
    const { platform, version: from } = candidate;
    const key = `${platform} ${from}`;
    const agents = (totals.get(key)?.agents ?? 0) + 1;
    totals.set(key, { platform, from, agents });
  }
  return {
    members: plan.members.map(({ candidate, wave }) => ({
      agent: candidate.agentName,
      group: candidate.group,
      platform: candidate.platform,
      from: candidate.version,
      wave,
      isConnected: candidate.isConnected,
    })),
    alreadyThere: plan.alreadyThere.map(({ agentName }) => agentName),
    cannot: plan.cannot.map(({ candidate, reason }) => ({ agent: candidate.agentName, reason })),
    warnings: plan.warnings.map(({ code, agents }) => ({ code, agents: [...agents] })),
    totals: [...totals.values()].sort(
      (a, b) => newestFirst(a.from, b.from) || a.platform.localeCompare(b.platform, 'en'),
    ),
  };
}

/** What nobody knows comes last. */
function newestFirst(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareVersions(b, a);
}

export function viewOf(view: RolloutView): Rollout {
  const { row, waves, failures } = view;
  const shown = waves.map((wave) => ({
    counts: countsOf(wave),
    lastEndMs: wave.last_end_ms,
    isApproved: wave.is_approved === 1,
  }));
  const spec = readSpec(row.spec);
  const wave = shown.findIndex(({ counts }) => counts.waiting + counts.upgrading > 0);
  return {
    id: row.id,
    name: row.name,
    component: row.component,
    version: row.version,
    select: row.selector,
    state: row.state,
    stateWhy: row.state_why,
    spec: spec === null ? null : specView(spec),
    createdMs: row.created_ms,
    createdBy: row.created_by,
    why: row.why,
    startedMs: row.started_ms,
    endedMs: row.ended_ms,
    outcome: row.outcome,
    waitsFor: waitsFor(view),
    ...beforeStartOf(view),
    counts: sumOf(shown.map(({ counts }) => counts)),
    failures: [...failures],
    wave: wave === -1 ? null : wave,
    waves: shown,
    alreadyThere: row.already_there,
    cannot: JSON.parse(row.cannot) as Rollout['cannot'],
    warnings: JSON.parse(row.warnings) as Rollout['warnings'],
  };
}

function waitsFor({ row, related, needsSecondPrincipal }: RolloutView): Rollout['waitsFor'] {
  const stored =
    row.waits_reason === null ? null : { reason: row.waits_reason, untilMs: row.waits_until_ms };
  if (isActive(row.state)) return stored;
  if (row.state !== 'pending') return null;
  const sibling = related.find(({ id }) => id === row.starts_after);
  const hold = startHoldOf({
    needsSecondPrincipal,
    isApproved: row.approved_by !== null,
    startsMs: row.starts_ms,
    isSiblingOver: row.starts_after === null ? null : sibling?.outcome === 'ended-ok',
  });
  return stored ?? hold;
}

function beforeStartOf({ row, related }: RolloutView) {
  const nameOf = (id: string | null) =>
    id === null ? null : (related.find((one) => one.id === id)?.name ?? id);
  return {
    origin: row.origin,
    plannedMs: row.planned_ms,
    startsMs: row.starts_ms,
    editedBy: row.edited_by,
    approvedBy: row.approved_by,
    approvedMs: row.approved_ms,
    splitOf: nameOf(row.split_of),
    startsAfter: nameOf(row.starts_after),
    reverts: nameOf(row.reverts),
  };
}

function specView(spec: RolloutSpec): Rollout['spec'] {
  const { component: _component, version: _version, waves, ...rest } = spec;
  return { ...rest, waves: [...waves] };
}
