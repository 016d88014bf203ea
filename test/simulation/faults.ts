/*
 * What goes wrong in a life, drawn from its seed before it begins: kinds of faults, and where or when they strike.
 */
import { POINTS } from './points.ts';
import type { SeededRandom } from './seeded-random.ts';

export const CRASHES = [
  'kill-agent',
  'kill-launcher',
  'kill-both',
  'power-cut',
  'reboot',
  'power-cut-and-damage',
] as const;

export const TROUBLES = [
  'outage',
  'coordinator-away',
  'coordinator-busy',
  'coordinator-slow',
  'coordinator-forgetful',
  'coordinator-repeating',
  'coordinator-reluctant',
  'coordinator-restart',
  'metadata-away',
  'connections-break',
  'disk-full',
  'disk-slow',
  'disk-error',
  'clock-forward',
  'clock-back',
  'stall',
  'revoke',
  'reject',
  'stop-launcher',
] as const;

export type FaultKind = (typeof CRASHES)[number] | (typeof TROUBLES)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** How long a state of the world lasts, in ms. */
  readonly durationMs: number;
  readonly trigger:
    | { readonly on: 'point'; readonly name: string; readonly nth: number }
    | { readonly on: 'step'; readonly step: number }
    | { readonly on: 'time'; readonly atMs: number };
}

const FAULTS_MAX = 5;
const TIME_MS_MAX = 7_200_000;
const STEPS_MAX = 20_000;

export function drawFaults(random: SeededRandom): readonly Fault[] {
  const count = random.weighted({ 0: 1, 1: 4, 2: 4, 3: 3, 4: 2, 5: 1 });
  const faults: Fault[] = [];
  while (faults.length < Math.min(Number(count), FAULTS_MAX)) faults.push(drawFault(random));
  return faults;
}

function drawFault(random: SeededRandom): Fault {
  const kind = random.chance(0.5) ? random.pick(CRASHES) : random.pick(TROUBLES);
  const durationMs = random.spread(1_000, 3 * 3_600_000);
  switch (random.weighted({ point: 6, step: 2, time: 2 })) {
    case 'point': {
      const nth = random.weighted({ 1: 6, 2: 3, 3: 2, 5: 1, 9: 1 });
      return { kind, durationMs, trigger: { on: 'point', name: random.pick(POINTS), nth: Number(nth) } };
    }
    case 'step':
      return { kind, durationMs, trigger: { on: 'step', step: random.spread(1, STEPS_MAX) } };
    case 'time':
      return { kind, durationMs, trigger: { on: 'time', atMs: random.spread(100, TIME_MS_MAX) } };
  }
}

export function isCrash(kind: FaultKind): boolean {
  return (CRASHES as readonly string[]).includes(kind);
}
