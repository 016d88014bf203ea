/*
 * Who would do what, and in which order (R4). From what agents report now: who goes, who is there already, who cannot, and
 * why. Waves take agents of all groups in turn, so that a canary is not one group alone where it need not be.
 */
import type { HoldReason } from '../command/reasons.ts';
import type { Version } from '../versions.ts';
import type { RolloutSpec, WaveSize } from './spec.ts';

export interface Candidate {
  readonly instanceId: string;
  readonly agentName: string;
  readonly group: string;
  readonly platform: string;
  /** Null: it was never seen with it. */
  readonly version: Version | null;
  readonly isConnected: boolean;
  /** The release was built for its platform. */
  readonly hasPlatform: boolean;
  /** The agent declared that it can upgrade itself; null: no session of it was ever seen. */
  readonly isCapable: boolean | null;
  readonly isRefusedHere: boolean;
  /** The version that it leaves is published still: it can be gone back to by a rollout. */
  readonly canGoBack: boolean;
  readonly hasChanges: boolean;
}

export interface PlannedMember {
  readonly candidate: Candidate;
  /** 0: the first. */
  readonly wave: number;
  /** Place in the order of the whole rollout, 0: the first. */
  readonly place: number;
}

export interface Plan {
  readonly members: readonly PlannedMember[];
  readonly alreadyThere: readonly Candidate[];
  readonly cannot: readonly { readonly candidate: Candidate; readonly reason: HoldReason }[];
  readonly warnings: readonly PlanWarning[];
}

export interface PlanWarning {
  readonly code: 'no-way-back' | 'changed-by-hand' | 'away' | 'continues-on-error';
  readonly agents: readonly string[];
}

export function planOf(spec: RolloutSpec, candidates: readonly Candidate[]): Plan {
  const alreadyThere: Candidate[] = [];
  const cannot: { readonly candidate: Candidate; readonly reason: HoldReason }[] = [];
  const going: Candidate[] = [];
  for (const candidate of candidates) {
    const reason = cannotReasonOf(candidate, spec);
    if (candidate.version === spec.version) alreadyThere.push(candidate);
    else if (reason !== null) cannot.push({ candidate, reason });
    else going.push(candidate);
  }
  const ordered = inTurns(going);
  const bounds = waveBounds(spec.waves, ordered.length);
  const members = ordered.map((candidate, place) => ({
    candidate,
    place,
    wave: bounds.findIndex((bound) => place < bound),
  }));
  return { members, alreadyThere, cannot, warnings: warningsOf(spec, ordered) };
}

function cannotReasonOf(candidate: Candidate, spec: RolloutSpec): HoldReason | null {
  if (!candidate.hasPlatform) return 'no-platform';
  if (candidate.isCapable === false) return 'manual-upgrade-required';
  if (candidate.isRefusedHere && !spec.isForced) return 'refused-here';
  return null;
}

function warningsOf(spec: RolloutSpec, going: readonly Candidate[]): readonly PlanWarning[] {
  const of = (code: PlanWarning['code'], is: (candidate: Candidate) => boolean) => {
    const agents = going.filter(is).map(({ agentName }) => agentName);
    return agents.length === 0 ? [] : [{ code, agents }];
  };
  return [
    ...of('no-way-back', ({ canGoBack, version }) => version !== null && !canGoBack),
    ...of('changed-by-hand', ({ hasChanges }) => hasChanges),
    ...of('away', ({ isConnected }) => !isConnected),
    ...(spec.onError === 'continue'
      ? [{ code: 'continues-on-error', agents: [] } satisfies PlanWarning]
      : []),
  ];
}

/** Of each group one, those that are there first, then the next of each. By name within a group. */
function inTurns(going: readonly Candidate[]): readonly Candidate[] {
  const groups = new Map<string, Candidate[]>();
  const sorted = [...going].sort(
    (a, b) =>
      Number(b.isConnected) - Number(a.isConnected) ||
      (a.agentName < b.agentName ? -1 : a.agentName > b.agentName ? 1 : 0),
  );
  for (const candidate of sorted) {
    const list = groups.get(candidate.group);
    if (list === undefined) groups.set(candidate.group, [candidate]);
    else list.push(candidate);
  }
  const lists = [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, list]) => list);
  const longest = lists.reduce((most, list) => Math.max(most, list.length), 0);
  const ordered: Candidate[] = [];
  for (let turn = 0; turn < longest; turn++) {
    for (const list of lists) {
      const candidate = list[turn];
      if (candidate !== undefined) ordered.push(candidate);
    }
  }
  return ordered;
}

/** The place at which each wave ends. A wave has one agent at least while there are any. */
export function waveBounds(waves: readonly WaveSize[], total: number): readonly number[] {
  let end = 0;
  return waves.map((wave) => {
    const size = sizeOf(wave, total);
    end = Math.min(total, end + size);
    return end;
  });
}

function sizeOf(wave: WaveSize, total: number): number {
  switch (wave.kind) {
    case 'count':
      return wave.count;
    case 'percent':
      return Math.max(1, Math.ceil((total * wave.percent) / 100));
    case 'rest':
      return total;
  }
}
