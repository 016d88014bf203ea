/* What goes wrong with the coordinator of rollouts: as for any fleet, aimed at the transactions that rollouts are made of. */
import { FLEET_FAULTS, type FleetFault, mendFleet, strikeFleet } from '../fleet/fleet-faults.ts';
import type { RealCoordinator } from '../fleet/real-coordinator.ts';
import { ROLLOUT_POINTS } from '../points.ts';
import type { Scheduler } from '../scheduler.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Tally } from '../tally.ts';

export interface CoordinatorTroublesOptions {
  readonly coordinator: RealCoordinator;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly tally: Tally;
  readonly isMended: () => boolean;
  /** The database is about to be replaced; it was. */
  readonly closing: () => void;
  readonly restored: () => void;
  readonly fail: (invariant: string, message: string) => void;
  readonly trace: (what: string, detail?: unknown) => void;
}

const DURATION_MS = { shortest: 50, longest: 300_000 } as const;
const RESTART_MS = 2_000;

export class CoordinatorTroubles {
  readonly #options: CoordinatorTroublesOptions;
  readonly #faults: readonly FleetFault[];
  #putting: Promise<void> = Promise.resolve();

  constructor(options: CoordinatorTroublesOptions) {
    this.#options = options;
    this.#faults = drawFaults(options.random);
  }

  begin(troubleMs: number): void {
    const { scheduler, isMended, random } = this.#options;
    for (const fault of this.#faults) {
      if (fault.trigger.on !== 'time') continue;
      scheduler.after(random.spread(1_000, troubleMs), () => {
        if (!isMended()) this.#strike(fault);
      });
    }
  }

  /** Before or after a transaction. */
  passed(point: string): void {
    for (const fault of this.#faults) {
      if (fault.trigger.on !== 'point' || fault.trigger.name !== point || fault.left === 0)
        continue;
      fault.left -= 1;
      if (fault.left > 0) continue;
      if (fault.kind === 'kill-coordinator') this.#options.tally.crashed(point);
      this.#strike(fault);
    }
  }

  async mend(): Promise<void> {
    await this.#putting;
    mendFleet(this.#options.coordinator);
    await this.#options.coordinator.start();
  }

  #strike(fault: FleetFault): void {
    const { coordinator, scheduler, tally, trace } = this.#options;
    trace(`FAULT ${fault.kind}`, fault.durationMs);
    tally.struck(`rollouts: ${fault.kind}`);
    strikeFleet(fault, {
      coordinator,
      scheduler,
      startAgain: () => this.#startAgain(),
      putBack: (backup) => {
        this.#putting = this.#putBack(backup);
      },
    });
  }

  #startAgain(): void {
    const { coordinator, scheduler, isMended, fail } = this.#options;
    if (isMended()) return;
    coordinator.start().catch((error: unknown) => {
      if (!coordinator.isDiskFull) fail('C3', String(error));
      coordinator.kill();
      scheduler.after(RESTART_MS, () => this.#startAgain());
    });
  }

  async #putBack(backup: { readonly path: string; readonly isSaid: boolean }): Promise<void> {
    const { coordinator, isMended, trace, closing, restored, scheduler } = this.#options;
    if (isMended()) return;
    trace('a backup is put back', backup.isSaid);
    coordinator.kill();
    closing();
    await coordinator.putBack(backup.path, async (store) => {
      if (backup.isSaid) {
        const said = { origin: 'restored', aboveGeneration: 0, principal: 'ann', why: '' } as const;
        await store.write('beginLife', { ...said, nowMs: coordinator.wallMs() });
      }
      restored();
    });
    scheduler.after(0, () => this.#startAgain());
  }
}

function drawFaults(random: SeededRandom): readonly FleetFault[] {
  if (random.chance(0.25)) return [];
  return Array.from({ length: random.between(1, 5) }, () => {
    const kind = random.chance(0.6) ? 'kill-coordinator' : random.pick(FLEET_FAULTS);
    const isAtPoint = random.chance(0.8);
    return {
      kind,
      durationMs: random.spread(DURATION_MS.shortest, DURATION_MS.longest),
      trigger: isAtPoint
        ? { on: 'point', name: random.pick(ROLLOUT_POINTS) }
        : { on: 'time', atMs: 0 },
      left: isAtPoint ? Number(random.weighted({ 1: 4, 2: 3, 4: 2, 10: 2, 30: 1 })) : 0,
    };
  });
}
