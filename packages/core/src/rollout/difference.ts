/* How a plan that was stored differs from the one that would be made now (R4): what went stale is said, by name and number. */
import type { HoldReason } from '../command/reasons.ts';
import type { Plan } from './plan.ts';

export interface PlanDifference {
  /** They were to go, and run the version already. */
  readonly alreadyThere: readonly string[];
  readonly cannot: readonly { readonly agent: string; readonly reason: HoldReason }[];
  /** They were to go, and are not meant any more: removed, or out of the selector. */
  readonly gone: readonly string[];
  /** They would go, and were not to. */
  readonly added: readonly string[];
}

/** Of one kind so many are named in a text. */
const NAMED_MAX = 5;

/** Who was planned is known by its instance: an agent that enrolled anew under its name is another one. */
export function differenceOf(
  planned: readonly { readonly instanceId: string; readonly agentName: string }[],
  now: Plan,
): PlanDifference {
  const was = new Set(planned.map(({ instanceId }) => instanceId));
  const wasPlanned = ({ instanceId }: { readonly instanceId: string }) => was.has(instanceId);
  const known = new Set(
    [
      ...now.members.map(({ candidate }) => candidate),
      ...now.alreadyThere,
      ...now.cannot.map(({ candidate }) => candidate),
    ].map(({ instanceId }) => instanceId),
  );
  return {
    alreadyThere: now.alreadyThere.filter(wasPlanned).map(({ agentName }) => agentName),
    cannot: now.cannot
      .filter(({ candidate }) => wasPlanned(candidate))
      .map(({ candidate, reason }) => ({ agent: candidate.agentName, reason })),
    gone: planned
      .filter(({ instanceId }) => !known.has(instanceId))
      .map(({ agentName }) => agentName),
    added: now.members
      .filter(({ candidate }) => !wasPlanned(candidate))
      .map(({ candidate }) => candidate.agentName),
  };
}

export function isSamePlan({ alreadyThere, cannot, gone, added }: PlanDifference): boolean {
  return alreadyThere.length + cannot.length + gone.length + added.length === 0;
}

/** `2 run it already: a, b; 1 cannot now: c (no-platform); 1 is gone: d; 1 is new: e`. */
export function differenceText({ alreadyThere, cannot, gone, added }: PlanDifference): string {
  const unable = cannot.map(({ agent, reason }) => `${agent} (${reason})`);
  return [
    ...partOf(alreadyThere, ['runs it already', 'run it already']),
    ...partOf(unable, ['cannot now', 'cannot now']),
    ...partOf(gone, ['is gone', 'are gone']),
    ...partOf(added, ['is new', 'are new']),
  ].join('; ');
}

function partOf(names: readonly string[], [one, many]: readonly [string, string]) {
  if (names.length === 0) return [];
  const left = names.length - NAMED_MAX;
  const more = left > 0 ? ` and ${left} more` : '';
  const list = names.slice(0, NAMED_MAX).join(', ');
  return [`${names.length} ${names.length === 1 ? one : many}: ${list}${more}`];
}
