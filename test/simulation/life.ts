/*
 * One life from one seed: orders for good and bad versions while things go wrong; then the world is mended, and the
 * host must come to rest, agree with its coordinator about what happened, and upgrade once more.
 */
import { leftByOwner } from '@moult/core/boot';
import type { Component } from '@moult/core/component';
import { drawFaults, type Fault } from './faults.ts';
import { installFirst } from './install-first.ts';
import type { Violation } from './life-log.ts';
import type { OrderRow } from './order-row.ts';
import { SeededRandom } from './seeded-random.ts';
import { mend } from './strike.ts';
import { countCells, type Tally } from './tally.ts';
import { baseOf } from './variation.ts';
import {
  AGENT_CHARACTERS,
  type Character,
  LAUNCHER_CHARACTERS,
  REHEARSALS,
  type SimRelease,
} from './versions.ts';
import { World } from './world.ts';

export interface LifeResult {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly events: readonly string[];
  readonly steps: number;
  readonly virtualMs: number;
}

const HOUR_MS = 3_600_000;
const CONTROLS = ['pause', 'pause', 'resume', 'restart', 'clear'] as const;
/** Trouble ends by then; the longest waits of the machine (an hour) come after it. */
const TROUBLE_MS_MAX = 4 * HOUR_MS;
const REST_MS_MAX = 12 * HOUR_MS;
const STEPS_MAX = 400_000;
const FAULTS_MANY = 6;

export async function live(
  seed: number,
  options: { readonly tally: Tally; readonly say?: (line: string) => void },
): Promise<LifeResult> {
  const random = new SeededRandom(baseOf(seed), 1);
  const faults = drawFaults(random);
  countCells(options.tally);
  const world = new World({ seed, faults, tally: options.tally, say: options.say ?? null });
  const life = new Life(world, random, faults);
  try {
    await life.run();
  } finally {
    world.scheduler.clear();
    world.database.close();
  }
  const { violation, events, scheduler } = world;
  return { seed, violation, events, steps: scheduler.steps, virtualMs: scheduler.nowMs };
}

class Life {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #faults: readonly Fault[];
  #releases = 0;

  constructor(world: World, random: SeededRandom, faults: readonly Fault[]) {
    this.#world = world;
    this.#random = random;
    this.#faults = faults;
  }

  async run(): Promise<void> {
    installFirst(this.#world, this.#release('agent', 'good'));
    this.#world.unit.start();
    this.#planControls();
    this.#planTasks();
    // Where much is to go wrong there must be occasions for it.
    const isFull = this.#faults.length > FAULTS_MANY;
    const count = isFull
      ? this.#random.between(3, 6)
      : Number(this.#random.weighted({ 1: 4, 2: 3, 3: 2 }));
    for (let order = 1; order <= count; order++) await this.#orderOne(order);
    await this.#goOn(TROUBLE_MS_MAX, () => this.#isAtRest());
    this.#mend();
    await this.#rest('after the world was mended');
    const component: Component = this.#random.chance(0.8) ? 'agent' : 'launcher';
    const last = this.#order('last', 1, this.#release(component, 'good'));
    await this.#rest('after one more upgrade');
    if (this.#world.violation !== null) return;
    const outcome = last.ends.at(0)?.outcome;
    if (outcome !== 'succeeded') {
      this.#world.fail(
        'U17',
        `a good version, in a good world, ended: ${JSON.stringify(last.ends)}`,
      );
    }
  }

  /** In half of all lives somebody pauses, resumes, restarts and clears, at any time. */
  #planControls(): void {
    const { scheduler, coordinator, seed } = this.#world;
    const random = new SeededRandom(seed, 5);
    const count = random.weighted({ 0: 4, 1: 1, 2: 2, 4: 2 });
    for (let control = 0; control < Number(count); control++) {
      const action = random.pick(CONTROLS);
      scheduler.after(random.spread(1_000, TROUBLE_MS_MAX), () => coordinator.control(action));
    }
  }

  #planTasks(): void {
    const { scheduler, coordinator, tasks } = this.#world;
    for (const atMs of tasks.planned(TROUBLE_MS_MAX)) {
      scheduler.after(atMs, () => coordinator.orderTask());
    }
  }

  async #orderOne(number: number): Promise<void> {
    const random = this.#random;
    await this.#goOn(random.spread(100, 600_000), () => false);
    const component: Component = random.chance(0.7) ? 'agent' : 'launcher';
    const characters: readonly Character[] =
      component === 'agent' ? AGENT_CHARACTERS : LAUNCHER_CHARACTERS;
    const character = random.chance(0.4) ? 'good' : random.pick(characters);
    // Now and then what is there already is ordered again.
    const again = this.#world.coordinator.orders.at(-1)?.release;
    const isAgain = again !== undefined && random.chance(0.1);
    const release = isAgain ? again : this.#release(component, character);
    const commandId = `c${number}`;
    const first = this.#order(commandId, 1, release);
    this.#world.owner.mayGoBack();
    // Sometimes the next order comes before the last one has ended.
    if (random.chance(0.3)) return;
    await this.#goOn(TROUBLE_MS_MAX, () => first.ends.length > 0);
    this.#world.owner.mayGoBack();
    const outcome = first.ends.at(0)?.outcome;
    if (outcome === undefined || outcome === 'succeeded' || random.chance(0.5)) return;
    this.#order(commandId, 2, release);
  }

  #order(commandId: string, attempt: number, release: SimRelease): OrderRow {
    const { component } = release;
    const isForced =
      attempt > 1 || this.#world.coordinator.orders.some((o) => o.release === release);
    return this.#world.coordinator.order({ commandId, attempt, component, release, isForced });
  }

  #release(component: Component, character: Character): SimRelease {
    this.#releases += 1;
    const probationMs = this.#random.chance(0.25) ? 5_000 : 60_000;
    return this.#world.releases.add({
      component,
      character,
      version: `${this.#random.chance(0.25) ? 2 : 1}.${this.#releases}.0`,
      rehearsal: this.#random.pick(REHEARSALS),
      // Within its probation: what goes wrong after a commit is not a trial's to find.
      laterMs: this.#random.spread(50, probationMs * 0.8),
      probationMs,
    });
  }

  #mend(): void {
    const world = this.#world;
    world.isMended = true;
    mend(world);
    world.trace('the world is mended');
    if (world.unit.process?.isAlive !== true) world.unit.start();
  }

  async #rest(when: string): Promise<void> {
    if (this.#world.violation !== null) return;
    await this.#goOn(REST_MS_MAX, () => this.#isAtRest());
    if (this.#world.violation !== null) return;
    if (!this.#isAtRest()) this.#world.fail('U17', `no rest ${when}: ${this.#unrest()}`);
    else this.#agree();
  }

  #isAtRest(): boolean {
    return this.#unrest() === null;
  }

  /** Why the host is not at rest; null: it is. */
  #unrest(): string | null {
    const { coordinator, invariants, database } = this.#world;
    for (const order of coordinator.orders) {
      const isOver = order.ends.length > 0 || (order.isRevoked && !order.isAccepted);
      if (!isOver) return `${order.attemptId} (${order.release.character}) has no end`;
    }
    const control = coordinator.controls.unrest();
    if (control !== null) return control;
    const task = this.#world.tasks.unrest(coordinator.controls.expectedState === 'Up');
    if (task !== null) return task;
    const record = invariants.record;
    if (record === null) return 'there is no boot record';
    const { agent, launcher } = record.components;
    if (agent.trial !== null) return `${agent.trial.attemptId} is on trial`;
    if (launcher.trial !== null) return `${launcher.trial.attemptId} is on trial`;
    const { kind } = database.upgradeState();
    if (kind !== 'idle') return `the upgrade is ${kind}`;
    return this.#disagreement();
  }

  /** What the coordinator was told last, and what boots. */
  #disagreement(): string | null {
    const { coordinator, invariants, agents } = this.#world;
    // One that hung before it took the lock can outlive its launcher, where nothing ends leftovers: it serves nobody.
    const running = [...agents.values()].filter(({ process }) => process.isRunning).length;
    if (running !== 1) return `${running} agents run`;
    for (const { component, current, trialAttemptId } of coordinator.report?.components ?? []) {
      const committed = invariants.record?.components[component as Component].committed ?? null;
      if (trialAttemptId !== '') return `the coordinator believes in the trial ${trialAttemptId}`;
      if ((current?.digest ?? null) !== (committed?.digest ?? null)) {
        return `the coordinator believes in ${component} ${current?.version}, boots ${committed?.version}`;
      }
    }
    const { report, controls } = coordinator;
    if (report === null) return 'the coordinator has no report';
    if (report.state === controls.expectedState) return null;
    return `A3: the agent says that it is ${report.state}, and should be ${controls.expectedState}`;
  }

  /** U13, U7: once at rest, each attempt has had its end, and the last end fits what boots. */
  #agree(): void {
    const { coordinator, invariants } = this.#world;
    for (const component of ['agent', 'launcher'] as const) {
      const succeeded = coordinator.orders.findLast(
        (order) => order.component === component && order.ends.at(-1)?.outcome === 'succeeded',
      );
      const committed = invariants.record?.components[component].committed;
      if (succeeded === undefined || invariants.isDamaged) continue;
      const given = succeeded.release.slot.digest;
      const record = invariants.record?.components[component];
      // B21: its owner has left it since, and it has not come back by itself.
      if (record !== undefined && leftByOwner(record)?.digest === given) continue;
      if (committed?.digest !== given) {
        const boots = `boots ${committed?.version}`;
        this.#world.fail('U7', `${succeeded.attemptId} succeeded, the ${component} ${boots}`);
      }
    }
  }

  async #goOn(ms: number, isOver: () => boolean): Promise<void> {
    const world = this.#world;
    const untilMs = world.scheduler.nowMs + ms;
    let isDue = false;
    const alarm = world.scheduler.after(ms, () => {
      isDue = true;
    });
    while (!isDue && world.violation === null && world.scheduler.nowMs <= untilMs) {
      if (!(await world.scheduler.step())) break;
      world.stepped(this.#faults);
      world.invariants.check();
      if (world.scheduler.steps > STEPS_MAX) {
        world.fail('U3', `still busy after ${STEPS_MAX} steps: something spins`);
      }
      if (world.scheduler.steps % 16 === 0 && isOver()) break;
    }
    alarm.cancel();
  }
}
