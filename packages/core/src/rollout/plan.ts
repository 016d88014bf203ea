/*
 * Who would do what, and in which order (R4). From what agents report now: who goes, who is there already, who cannot, and
 * why. Waves take agents of all groups in turn, so that a canary is not one group alone where it need not be, and those that
 * are away last: they prove nothing.
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
  /** Something keeps it from beginning now: it goes with those that are away, whose time nobody knows. Absent: not known. */
  readonly isHeld?: boolean;
  /** The release was built for its platform. */
  readonly hasPlatform: boolean;
  /** The agent declared that it can upgrade itself; null: no session of it was ever seen. */
  readonly isCapable: boolean | null;
  /** It declared that it can upgrade at the pace that was asked for; null: no session of it was ever seen. */
  readonly isPaceKnown: boolean | null;
  readonly isRefusedHere: boolean;
  /** The version that it leaves, or is to go back to, is published still: it can be gone back to. */
  readonly canGoBack: boolean;
  readonly hasChanges: boolean;
  /** False: it said that it has none (H14). One that was never seen may have one. */
  readonly hasLauncher: boolean;
  /** What the release has once written, the version before cannot read. */
  readonly isIrreversible: boolean;
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

export const PLAN_WARNINGS = [
  'no-way-back',
  'irreversible',
  'changed-by-hand',
  'away',
  'no-launcher',
  'continues-on-error',
  'goes-on-after-rollback',
] as const;

export type PlanWarningCode = (typeof PLAN_WARNINGS)[number];

export interface PlanWarning {
  readonly code: PlanWarningCode;
  readonly agents: readonly string[];
}

export function planOf(spec: RolloutSpec, candidates: readonly Candidate[]): Plan {
  const alreadyThere: Candidate[] = [];
  const cannot: { readonly candidate: Candidate; readonly reason: HoldReason }[] = [];
  const going: Candidate[] = [];
  for (const candidate of candidates) {
    const standing = standingOf(candidate, spec);
    if (standing === 'goes') going.push(candidate);
    else if (standing === 'already-there') alreadyThere.push(candidate);
    else cannot.push({ candidate, reason: standing });
  }
  const ordered = inOrder(going);
  const waveOf = wavesOver(spec.waves, ordered.length);
  const members = ordered.map((candidate, place) => ({ candidate, place, wave: waveOf(place) }));
  return { members, alreadyThere, cannot, warnings: warningsOf(spec, ordered) };
}

/** A hold reason: it cannot. */
export type Standing = 'goes' | 'already-there' | HoldReason;

export function standingOf(candidate: Candidate, spec: RolloutSpec): Standing {
  if (candidate.version === spec.version) return 'already-there';
  if (!candidate.hasPlatform) return 'no-platform';
  if (candidate.isCapable === false) return 'manual-upgrade-required';
  if (candidate.isPaceKnown === false) return 'pace-unknown';
  if (!candidate.hasLauncher && (spec.isLauncherNeeded || spec.component === 'launcher'))
    return 'no-launcher';
  if (candidate.isRefusedHere && !spec.isForced) return 'refused-here';
  return 'goes';
}

function warningsOf(spec: RolloutSpec, going: readonly Candidate[]): readonly PlanWarning[] {
  const of = (code: PlanWarning['code'], is: (candidate: Candidate) => boolean) => {
    const agents = going.filter(is).map(({ agentName }) => agentName);
    return agents.length === 0 ? [] : [{ code, agents }];
  };
  return [
    ...of('no-way-back', ({ canGoBack, version }) => version !== null && !canGoBack),
    ...of('irreversible', ({ isIrreversible }) => isIrreversible),
    ...of('changed-by-hand', ({ hasChanges }) => hasChanges),
    ...of('away', ({ isConnected }) => !isConnected),
    ...of('no-launcher', ({ hasLauncher }) => !hasLauncher),
    ...(spec.onError === 'continue'
      ? [{ code: 'continues-on-error', agents: [] } satisfies PlanWarning]
      : []),
    ...(spec.goesOnAfterRollBack
      ? [{ code: 'goes-on-after-rollback', agents: [] } satisfies PlanWarning]
      : []),
  ];
}

/** Those that are there first, so that the first waves can tell something: of each group one, then the next of each. */
function inOrder(going: readonly Candidate[]): readonly Candidate[] {
  return [
    ...inTurns(going.filter(canBegin)),
    ...inTurns(going.filter((candidate) => !canBegin(candidate))),
  ];
}

function canBegin({ isConnected, isHeld = false }: Candidate): boolean {
  return isConnected && !isHeld;
}

/** By name within a group, and groups by theirs. */
function inTurns(going: readonly Candidate[]): readonly Candidate[] {
  const turnsOf = new Map<string, number>();
  const turns: { readonly candidate: Candidate; readonly turn: number }[] = [];
  for (const candidate of [...going].sort(byName)) {
    const turn = turnsOf.get(candidate.group) ?? 0;
    turnsOf.set(candidate.group, turn + 1);
    turns.push({ candidate, turn });
  }
  return turns
    .sort((a, b) => a.turn - b.turn || inAlphabet(a.candidate.group, b.candidate.group))
    .map(({ candidate }) => candidate);
}

/** Instances of one agent by their ids, so that the same agents give the same plan. */
function byName(a: Candidate, b: Candidate): number {
  return inAlphabet(a.agentName, b.agentName) || inAlphabet(a.instanceId, b.instanceId);
}

function inAlphabet(a: string, b: string): number {
  return Number(a > b) - Number(a < b);
}

/** Which wave a place is in, of so many agents. */
export function wavesOver(waves: readonly WaveSize[], total: number): (place: number) => number {
  const bounds = waveBounds(waves, total);
  return (place) => bounds.findIndex((bound) => place < bound);
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
