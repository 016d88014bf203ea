/* Agents that match the selector of a rollout after its start (P3). */
import { type Candidate, type Standing, standingOf } from './plan.ts';
import type { RolloutSpec } from './spec.ts';

/** `unknown`: what it runs was never said. Asked again when something changes, so only `goes` is written down. */
export function lateStandingOf(candidate: Candidate, spec: RolloutSpec): Standing | 'unknown' {
  return candidate.version === null ? 'unknown' : standingOf(candidate, spec);
}

/** The last wave: never the canary's, where more than one was asked for. It may have to be made. */
export function lateWaveOf(spec: RolloutSpec, wavesPlanned: number): number {
  return Math.max(wavesPlanned - 1, Math.min(1, spec.waves.length - 1));
}
