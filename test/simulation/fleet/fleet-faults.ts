/* What goes wrong with what all hosts of a fleet share: the coordinator's process, its store, and the frames. */
import type { Fault } from '../faults.ts';
import { COORDINATOR_POINTS } from '../points.ts';
import type { Scheduler } from '../scheduler.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { RealCoordinator } from './real-coordinator.ts';

export const FLEET_FAULTS = [
  'kill-coordinator',
  'frames-lost',
  'frames-doubled',
  'frames-reordered',
  'store-full',
  /** A backup is taken now and put back later, by our command or as a machine's snapshot would. */
  'restore',
  'restore-unsaid',
] as const;

export interface FleetFault {
  readonly kind: (typeof FLEET_FAULTS)[number];
  readonly durationMs: number;
  readonly trigger:
    | { readonly on: 'point'; readonly name: string }
    | { readonly on: 'time'; readonly atMs: number };
  /** How often the point is passed before it strikes; counts down. */
  left: number;
}

const TIME_MS_MAX = 3_600_000;
const DURATION_MS_MAX = 1_800_000;

export function drawFleetFaults(random: SeededRandom): readonly FleetFault[] {
  if (random.chance(0.15)) return [];
  return Array.from({ length: random.between(1, 6) }, () => {
    const kind = random.chance(0.5) ? 'kill-coordinator' : random.pick(FLEET_FAULTS);
    const isAtPoint = random.chance(0.75);
    return {
      kind,
      durationMs: random.spread(50, DURATION_MS_MAX),
      trigger: isAtPoint
        ? { on: 'point', name: random.pick(random.chance(0.4) ? RARE_POINTS : COORDINATOR_POINTS) }
        : { on: 'time', atMs: random.spread(1_000, TIME_MS_MAX) },
      left: isAtPoint ? Number(random.weighted({ 1: 6, 2: 3, 4: 2, 10: 2, 30: 1 })) : 0,
    };
  });
}

/** What operators do, and not what happens by itself all the time. */
const RARE_POINTS = COORDINATOR_POINTS.filter((name) =>
  /:(skipCommand|revokeCommand|orderUpgrade|orderControl|choose(ForMany)?|confirmAttempt):/.test(
    name,
  ),
);
const ONCE = ['kill-coordinator', 'restore', 'restore-unsaid'] as const;

interface Shared {
  readonly coordinator: RealCoordinator;
  readonly scheduler: Scheduler;
  readonly startAgain: () => void;
  /** Kills it, puts the backup in place, and starts it. */
  readonly putBack: (backup: { readonly path: string; readonly isSaid: boolean }) => void;
}

const LASTING: Readonly<
  Record<
    Exclude<FleetFault['kind'], (typeof ONCE)[number]>,
    (on: RealCoordinator, is: boolean) => void
  >
> = {
  'frames-lost': (coordinator, isOn) => {
    coordinator.unruliness.isLossy = isOn;
  },
  'frames-doubled': (coordinator, isOn) => {
    coordinator.unruliness.isDoubling = isOn;
  },
  'frames-reordered': (coordinator, isOn) => {
    coordinator.unruliness.isReordering = isOn;
  },
  'store-full': (coordinator, isOn) => {
    coordinator.isDiskFull = isOn;
  },
};

export function strikeFleet(fault: FleetFault, shared: Shared): void {
  const { coordinator, scheduler } = shared;
  const { kind, durationMs } = fault;
  if (kind === 'kill-coordinator') {
    coordinator.kill();
    scheduler.after(durationMs, shared.startAgain);
    return;
  }
  if (kind === 'restore' || kind === 'restore-unsaid') {
    const path = coordinator.backUp();
    const isSaid = kind === 'restore';
    scheduler.after(durationMs, () => shared.putBack({ path, isSaid }));
    return;
  }
  LASTING[kind](coordinator, true);
  scheduler.after(durationMs, () => LASTING[kind](coordinator, false));
}

export function mendFleet(coordinator: RealCoordinator): void {
  for (const set of Object.values(LASTING)) set(coordinator, false);
}

/** Those of a host alone: the fleet has its own for what all share, and damage is for lives of one host. */
export function hostFaultsOf(faults: readonly Fault[]): readonly Fault[] {
  return faults.filter(({ kind }) => !SHARED.has(kind) && !kind.startsWith('coordinator-'));
}

const SHARED: ReadonlySet<string> = new Set([
  'stall',
  'revoke',
  'reject',
  'power-cut-and-damage',
  'suspend',
]);
