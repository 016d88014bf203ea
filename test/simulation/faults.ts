/*
 * What goes wrong in a life, drawn from its seed before it begins: kinds of faults, and where or when they strike.
 */
import { POINTS } from './points.ts';
import { RARE, VERDICT_POINTS } from './rare-places.ts';
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
  'cut-upwards',
  'cut-downwards',
  'never-answered',
  'certificate-refused',
  'proof-unanswered',
  'probes-hang',
  'metadata-slow',
  'coordinator-away',
  'coordinator-busy',
  'coordinator-slow',
  'coordinator-forgetful',
  'coordinator-repeating',
  'coordinator-reluctant',
  'coordinator-confused',
  'coordinator-restart',
  'metadata-away',
  'connections-break',
  'disk-full',
  'disk-slow',
  'disk-stuck',
  'disk-error',
  'disk-sync-error',
  'no-handles',
  'clock-forward',
  'clock-back',
  'suspend',
  'stall',
  'revoke',
  'reject',
  'unasked-rejection',
  'world-back',
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

const TIME_MS_MAX = 7_200_000;
const STEPS_MAX = 20_000;
const MINUTE_MS = 60_000;
const BRIEF_MS_MAX = 2 * MINUTE_MS;
const DURATION_MS_MAX = 3 * 3_600_000;

/** What a life is about, so that what needs several things at once is met in hundreds of lives, not in millions. */
type Theme = (random: SeededRandom) => readonly Fault[];

const THEMES = {
  calm: () => [],
  /** Anything, anywhere. */
  mixed: (random) => many(random, 5, () => drawFault(random)),
  /** The same crash over and over, at the same place or at any. */
  storm: (random) => {
    const kind = random.pick(STORMS);
    const name = random.pick(TRIAL_POINTS);
    // More than the limit of tries that changed boot ids ended, or a few.
    const count = random.chance(0.4) ? 24 : random.between(2, 5);
    return Array.from({ length: count }, (_, index) => {
      const point = count > 5 || random.chance(0.8) ? name : random.pick(POINTS);
      return fault(random, kind, { on: 'point', name: point, nth: index + 1 });
    });
  },
  /** The world goes away while a version is on trial, and perhaps comes back at a bad moment. */
  outage: (random) => [
    ...many(random, 3, () =>
      fault(random, random.pick(WORLD_TROUBLES), {
        on: 'point',
        name: random.pick(TRIAL_POINTS),
        nth: random.between(1, 4),
      }),
    ),
    ...many(random, 2, () => drawFault(random)),
  ],
  /** The world changes while the verdict asks about it, again and again, and one thing is answered in each. */
  verdict: (random) => [
    ...many(random, 2, () =>
      fault(random, random.pick(WORLD_TROUBLES), {
        on: 'point',
        name: random.pick(PROBATION_POINTS),
        nth: random.between(1, 2),
      }),
    ),
    ...many(random, 5, () =>
      fault(random, random.pick(VERDICT_TROUBLES), {
        on: 'point',
        name: random.pick(VERDICT_POINTS),
        nth: random.between(1, 4),
      }),
    ),
  ],
  /** The disk fails where something is written. */
  disk: (random) => [
    ...many(random, 3, () =>
      fault(random, random.pick(DISK_TROUBLES), {
        on: 'point',
        name: random.pick(POINTS.filter((point) => WRITING.test(point))),
        nth: random.between(1, 4),
      }),
    ),
    ...many(random, 2, () => drawFault(random)),
  ],
  /** What is rare: a place, and the trouble without which nothing ever comes there. */
  rare: (random) => {
    const { troubles, strikes, points } = RARE[Number(random.weighted(RARE_WEIGHTS))] ?? RARE[0];
    // At each pass, or not: orders come one after the other, and each is another chance.
    const sometimes = (chance: number, draw: (nth: number) => Fault) =>
      PASSES.filter(() => random.chance(chance)).map(draw);
    return [
      ...troubles.flatMap(([kind, name, only]) => {
        const draw = (nth: number) => brief(random, kind, { on: 'point', name, nth });
        return only === undefined ? sometimes(0.7, draw) : [draw(only)];
      }),
      ...[1, 2].flatMap(() => {
        const name = random.pick(points);
        return sometimes(0.4, (nth) =>
          brief(random, random.pick(strikes), { on: 'point', name, nth }),
        );
      }),
      drawFault(random),
    ];
  },
  /** Much at once, none of it for long: what comes too late, or while something else is being written. */
  dense: (random) =>
    Array.from({ length: random.between(6, 16) }, () =>
      brief(random, random.pick(BRIEF), {
        on: 'point',
        name: random.pick(POINTS),
        nth: random.between(1, 2),
      }),
    ),
} as const satisfies Record<string, Theme>;

/** A verdict is due after minutes, and a stopped version's probe after an hour. */
const LASTING: ReadonlySet<FaultKind> = new Set([
  ...(['outage', 'cut-downwards', 'coordinator-away', 'coordinator-busy'] as const),
  'metadata-away',
  'disk-sync-error',
]);
const RARE_WEIGHTS = Object.fromEntries(RARE.map(({ weight }, index) => [index, weight]));
const PASSES = [1, 2, 3, 4, 5, 6] as const;
const BRIEF = [
  ...CRASHES,
  ...['kill-agent', 'kill-launcher', 'stop-launcher', 'connections-break'],
  ...['disk-full', 'disk-error', 'disk-slow', 'disk-stuck', 'no-handles'],
  ...['unasked-rejection', 'revoke', 'revoke', 'reject'],
  ...['outage', 'coordinator-slow', 'metadata-slow', 'probes-hang'],
] as readonly FaultKind[];

const STORMS = ['kill-agent', 'kill-launcher', 'kill-both', 'power-cut', 'reboot'] as const;
const TRIAL_POINTS = [
  'save:switching:after',
  'pipe:try:received',
  'pipe:done:sent',
  'spawn:before',
  'spawn:after',
  'agent:start',
  'save:probation:before',
  'save:probation:after',
  'wire:confirm:sent',
  'wire:confirm:received',
  'save:committing:after',
  'pipe:commit:received',
  'probe:begin',
  'probe:end',
  'pipe:dial:sent',
  'pipe:stop:received',
] as const;
const PROBATION_POINTS = ['spawn:after', 'agent:start', 'save:probation:after'] as const;
const WORLD_TROUBLES = [
  'outage',
  'cut-upwards',
  'cut-downwards',
  'never-answered',
  'certificate-refused',
  'proof-unanswered',
  'metadata-slow',
  'coordinator-slow',
  'clock-forward',
  'clock-back',
  'coordinator-away',
  'coordinator-busy',
  'metadata-away',
  'coordinator-forgetful',
  'coordinator-confused',
] as const;
const VERDICT_TROUBLES = [
  ...WORLD_TROUBLES,
  'probes-hang',
  'suspend',
  'connections-break',
  'coordinator-restart',
  'kill-launcher',
  'reboot',
  'stop-launcher',
] as const;
const DISK_TROUBLES = ['disk-full', 'disk-slow', 'disk-stuck', 'disk-error'] as const;
const WRITING =
  /^(record|link|aside|stage|cleanup|holder|save|inbox|session|spawn|unit|pipe:(try|commit))/;

export function drawFaults(random: SeededRandom): readonly Fault[] {
  const theme = random.weighted({
    calm: 1,
    mixed: 8,
    storm: 3,
    outage: 4,
    verdict: 4,
    disk: 3,
    rare: 14,
    dense: 10,
  });
  return THEMES[theme](random);
}

function many(
  random: SeededRandom,
  most: number,
  draw: (index: number) => Fault,
): readonly Fault[] {
  return Array.from({ length: random.between(1, most) }, (_, index) => draw(index));
}

function drawFault(random: SeededRandom): Fault {
  const kind = random.chance(0.5) ? random.pick(CRASHES) : random.pick(TROUBLES);
  switch (random.weighted({ point: 6, step: 2, time: 2 })) {
    case 'point': {
      const nth = Number(random.weighted({ 1: 6, 2: 3, 3: 2, 5: 1, 9: 1 }));
      return fault(random, kind, { on: 'point', name: random.pick(POINTS), nth });
    }
    case 'step':
      return fault(random, kind, { on: 'step', step: random.spread(1, STEPS_MAX) });
    case 'time':
      return fault(random, kind, { on: 'time', atMs: random.spread(100, TIME_MS_MAX) });
  }
}

function fault(random: SeededRandom, kind: FaultKind, trigger: Fault['trigger']): Fault {
  return { kind, durationMs: random.spread(1_000, DURATION_MS_MAX), trigger };
}

function brief(random: SeededRandom, kind: FaultKind, trigger: Fault['trigger']): Fault {
  const durationMs = LASTING.has(kind)
    ? random.spread(5 * MINUTE_MS, DURATION_MS_MAX)
    : random.spread(100, BRIEF_MS_MAX);
  return { kind, durationMs, trigger };
}

export function isCrash(kind: FaultKind): boolean {
  return (CRASHES as readonly string[]).includes(kind);
}
