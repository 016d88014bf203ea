/*
 * What must hold after each step of each life, by the ids of docs/spec/boot.md (B…) and docs/spec/upgrade.md (U…).
 */
import {
  type BootRecord,
  type ComponentRecord,
  REBOOT_TRIES_MAX,
  readBootRecord,
  type Slot,
  TRIES_MAX,
  type Trial,
} from '@moult/core/boot';
import { COMPONENTS, type Component } from '@moult/core/component';
import { attemptIdIn, type Retry, type UpgradeState } from '@moult/core/upgrade';
import type { OrderRow } from './order-row.ts';
import { isGoneBack } from './owner.ts';
import { LAYOUT } from './paths.ts';
import { slotOn } from './sim-boot-disk.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

/** What may be wrong with a version that the world and the faults cannot explain. */
const BLAMELESS: ReadonlySet<string> = new Set([
  'cannot-reach-coordinator',
  'cannot-upgrade-again',
  'hung',
  'own-checks-failed',
]);

/** What ends a process from outside. A stall can let the watchdog do so. */
const KILLING: ReadonlySet<string> = new Set([
  'kill-agent',
  'kill-launcher',
  'kill-both',
  'power-cut',
  'power-cut-and-damage',
  'reboot',
  'stall',
]);

const DISK_ERRORS: ReadonlySet<string> = new Set(['disk-error', 'disk-sync-error']);
/** Ordered ends, whose try is given back. */
const GIVES_BACK: ReadonlySet<string> = new Set(['reboot', 'stop-launcher']);
/** As docs/defaults.md says: fetching is given up after four retries, handing over after three. */
const RETRIES_MAX: Readonly<Record<string, number>> = {
  preflight: 4,
  fetching: 4,
  staged: 4,
  switching: 3,
};

export class Invariants {
  readonly #world: World;
  #record: BootRecord | null = null;
  #text: string | null = null;
  #revision = -1;
  /** Attempts that were committed, and refused, in any record that was ever seen. */
  readonly committed = new Set<string>();
  readonly refused = new Set<string>();
  /** The boot record was damaged: trials and refusals in it may be lost. */
  isDamaged = false;
  #isCut = false;
  /** Probes for which the process on trial was stopped: each gives its try back. */
  stoppedProbes = 0;
  /** Agents that were started so far. */
  spawned = 0;
  readonly #boots = new Map<string, number>();
  readonly #reported = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  get #hasDiskErrors(): boolean {
    return this.#world.struck.some((kind) => DISK_ERRORS.has(kind));
  }

  get record(): BootRecord | null {
    return this.#record;
  }

  /** After each step. */
  check(): void {
    const { files } = this.#world;
    if (files.revision === this.#revision) return;
    this.#revision = files.revision;
    const text = files.read(LAYOUT.bootRecordPath);
    if (text !== this.#text) this.#changed(text);
    const { record } = this;
    if (record !== null) this.#bootable(record);
  }

  cut(): void {
    this.#isCut = true;
  }

  damaged(): void {
    this.isDamaged = true;
  }

  /** A process took the lock: from here it serves. */
  serving(process: SimProcess): void {
    for (const { process: other } of this.#world.agents.values()) {
      if (other !== process && other.isAlive && this.#world.lockHolder === other) {
        this.#world.fail('B16', `${other.name} and ${process.name} serve at once`);
      }
    }
  }

  spawning(slot: Slot): void {
    this.spawned += 1;
    this.#booting('agent', slot);
  }

  /** The first launcher becomes this one. */
  becoming(slot: Slot): void {
    this.#booting('launcher', slot);
  }

  ended(order: OrderRow): void {
    const { attemptId, release, ends } = order;
    const outcome = ends.at(-1);
    if (outcome === undefined) return;
    const say = (id: string, message: string) => this.#world.fail(id, `${attemptId}: ${message}`);
    const text = JSON.stringify(outcome);
    if (ends.some((end) => end.outcome !== outcome.outcome || end.code !== outcome.code)) {
      say('U13', `two different ends: ${JSON.stringify(ends.map((end) => end.outcome))}`);
    }
    if (ends.length > 1 && !this.#world.struck.includes('coordinator-repeating')) {
      say('U13', `${ends.length} ends reached the coordinator`);
    }
    this.#world.tally.ended(
      `${order.component} ${release.character}: ${outcome.outcome} ${outcome.code}`,
    );
    const isCommitted = this.committed.has(attemptId);
    if (outcome.outcome === 'succeeded' && !isCommitted) say('U7', 'succeeded, never committed');
    if (outcome.outcome !== 'succeeded' && isCommitted && !this.isDamaged) {
      say('U7', `committed, but reported ${text}`);
    }
    if (outcome.outcome === 'rolled-back') this.#rolledBack(order);
    if (outcome.outcome === 'succeeded' && release.character !== 'good') {
      say('B11', `a version that is ${release.character} was committed`);
    }
  }

  /** A good version is rolled back for what was done to it, and for nothing else (H11). */
  #rolledBack(order: OrderRow): void {
    const { attemptId, release, ends } = order;
    const end = ends.at(-1);
    if (!this.refused.has(attemptId) && !this.isDamaged) {
      this.#world.fail('U7', `${attemptId}: rolled back, but the boot record never refused it`);
    }
    if (release.character !== 'good' || end === undefined || this.isDamaged) return;
    const { struck } = this.#world;
    const isDiskToBlame = struck.some((kind) => kind.startsWith('disk-'));
    // Seven starts that failed for want of the host are laid on the version (B5).
    const canStart = !isDiskToBlame && !struck.includes('no-handles');
    const blows = struck.filter((kind) => KILLING.has(kind)).length;
    // An agent that is killed again and again is not heard under its launcher.
    const isUnheard = order.component === 'launcher' && blows >= TRIES_MAX;
    if (BLAMELESS.has(end.code) && canStart && !isUnheard) {
      this.#world.fail(
        'B13',
        `${attemptId}: a good version was rolled back: ${end.code} ${end.message}`,
      );
    }
    if (end.code === 'not-started' && canStart) {
      this.#world.fail(
        'U7',
        `${attemptId}: a good version is said not to have started: ${end.message}`,
      );
    }
    if (end.code === 'crashed' && !isDiskToBlame && blows < TRIES_MAX) {
      this.#world.fail(
        'B5',
        `${attemptId}: a good version was refused for crashes after ${blows} blows`,
      );
    }
    if (end.code === 'reboots-exhausted' && blows < REBOOT_TRIES_MAX) {
      this.#world.fail('B5', `${attemptId}: refused for reboots after ${blows} blows`);
    }
    if (end.code === 'rolled-back-by-owner' && this.#world.owner.asks === 0) {
      this.#world.fail('B21', `${attemptId}: rolled back by its owner, who never asked`);
    }
    if (end.code === 'rejected-by-coordinator' && !order.isRejected) {
      this.#world.fail('U1', `${attemptId}: rolled back as rejected, but nobody rejected it`);
    }
  }

  /** Programs may fail over a disk that fails; anything else is a defect in them. */
  crashed(error: unknown): void {
    const { struck } = this.#world;
    if (struck.some((kind) => kind.startsWith('disk-'))) return;
    const code = (error as { readonly code?: unknown } | null)?.code;
    if (code === 'agent-already-running' || code === 'launcher-silent') return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#world.fail('crash', `a program crashed by itself: ${text}`);
  }

  #changed(text: string | null): void {
    const before = this.#record;
    this.#text = text;
    const reading = readBootRecord(text);
    if (reading.kind !== 'read') {
      if (!this.isDamaged) {
        this.#world.fail('B2', `the boot record cannot be read: ${reading.kind} ${String(text)}`);
      }
      this.#record = null;
      return;
    }
    this.#record = reading.record;
    for (const component of COMPONENTS) {
      const now = reading.record.components[component];
      for (const { attemptId } of now.refused) this.refused.add(`${attemptId}`);
      this.#bounded(component, now);
      const was = before?.components[component];
      // After a power cut an unacknowledged change may be undone; after damage nothing is known.
      if (was !== undefined && this.#isCut) this.#forgetUnsynced(was, now);
      if (was !== undefined && !this.#isCut) this.#committedBy(component, was, now);
    }
    this.#isCut = false;
  }

  /** What the cut took was never on the disk, and nobody was told of it. */
  #forgetUnsynced(was: ComponentRecord, now: ComponentRecord): void {
    const kept = new Set(now.refused.map(({ attemptId }) => attemptId));
    for (const { attemptId } of was.refused)
      if (!kept.has(attemptId)) this.refused.delete(attemptId);
    const { committedAttemptId } = was;
    if (committedAttemptId !== null && committedAttemptId !== now.committedAttemptId) {
      this.committed.delete(committedAttemptId);
    }
  }

  #bounded(component: Component, now: ComponentRecord): void {
    if (now.trial === null) return;
    const { tries, rebootTries, attemptId } = now.trial;
    if (tries > TRIES_MAX || rebootTries > REBOOT_TRIES_MAX) {
      this.#world.fail(
        'B5',
        `${component} ${attemptId}: ${tries} tries, ${rebootTries} by reboots`,
      );
    }
  }

  #committedBy(component: Component, was: ComponentRecord, now: ComponentRecord): void {
    if (was.committed?.digest === now.committed?.digest) return;
    // A commit that was answered `failed` shows on the disk until the launcher has put that right (B4).
    const undone = was.committedAttemptId;
    if (undone !== null && now.trial?.attemptId === undone && this.#hasDiskErrors) {
      this.committed.delete(undone);
      return;
    }
    if (isGoneBack(was, now)) {
      const { asks } = this.#world.owner;
      if (asks === 0) this.#world.fail('B21', `${component}: went back, and nobody asked`);
      return;
    }
    // The same of a rollback that was answered `failed`.
    if (isGoneBack(now, was) && this.#hasDiskErrors) return;
    const { trial } = was;
    const isTrial = trial !== null && trial.slot.digest === now.committed?.digest;
    if (!isTrial || !this.#world.door.isConfirmed(trial.attemptId)) {
      const message = `${component}: committed became ${now.committed?.dir} without a confirmed, attested trial`;
      this.#world.fail('B1', message);
      return;
    }
    this.committed.add(trial.attemptId);
  }

  /** B2: a slot that is committed is there to boot, whatever happens next. */
  #bootable(record: BootRecord): void {
    const { committed } = record.components.agent;
    if (committed === null || slotOn(this.#world.files, 'agent', committed.dir) === null) {
      this.#world.fail('B2', `the committed slot ${committed?.dir} is not on the disk`);
    }
    // H13: what may be needed again is kept.
    for (const component of COMPONENTS) {
      const { previous, trial } = record.components[component];
      for (const slot of [previous, trial?.slot]) {
        if (slot && slotOn(this.#world.files, component, slot.dir) === null) {
          this.#world.fail(
            'U16',
            `${component} ${slot.dir} is in the boot record, not on the disk`,
          );
        }
      }
    }
  }

  /** B5: however the boots of a trial ended, there is an end to them. */
  #counted(trial: Trial): void {
    const boots = (this.#boots.get(trial.attemptId) ?? 0) + 1;
    this.#boots.set(trial.attemptId, boots);
    const givenBack =
      this.stoppedProbes + this.#world.struck.filter((kind) => GIVES_BACK.has(kind)).length;
    if (boots > TRIES_MAX + REBOOT_TRIES_MAX + givenBack) {
      this.#world.fail('B5', `${trial.attemptId} is booted for the ${boots}th time`);
    }
  }

  /** U9: work that can fail for good is given up in the end. U8: what has ended is not begun again. */
  saved(state: unknown): void {
    this.#begunOnce(state as UpgradeState);
    const { kind, retry } = state as { readonly kind: string; readonly retry?: Retry };
    const most = RETRIES_MAX[kind];
    if (most !== undefined && (retry?.failures ?? 0) > most) {
      this.#world.fail('U9', `${kind} is tried for the ${retry?.failures}th time`);
    }
  }

  #begunOnce(state: UpgradeState): void {
    const attemptId = attemptIdIn(state);
    if (attemptId === null) return;
    if (state.kind === 'reporting') this.#reported.add(attemptId);
    if (state.kind !== 'preflight' || !this.#reported.has(attemptId)) return;
    this.#world.fail('U8', `${attemptId} had its end here, and is begun again`);
  }

  #booting(component: Component, slot: Slot): void {
    const reading = readBootRecord(this.#world.files.readSynced(LAYOUT.bootRecordPath));
    if (reading.kind !== 'read') return;
    const { trial, committed, previous, refused } = reading.record.components[component];
    if (slot.digest === committed?.digest || slot.digest === previous?.digest) return;
    if (trial === null || trial.slot.digest !== slot.digest) {
      this.#world.fail('B3', `${slot.dir} is booted, and the record on the disk does not name it`);
      return;
    }
    if (!this.#world.door.isSwitchGranted(trial.attemptId)) {
      this.#world.fail('U6', `${slot.dir} is tried without the last permission`);
    }
    if (trial.tries + trial.rebootTries === 0) {
      this.#world.fail('B5', `${slot.dir} is booted before its try is on the disk`);
    }
    this.#counted(trial);
    const isRefused = refused.some(
      (one) => one.digest === slot.digest && one.attemptId === trial.attemptId,
    );
    // A refusal that the disk failed to keep was seen, and never held.
    const isLost = this.isDamaged || this.#hasDiskErrors;
    if (isRefused || (this.refused.has(trial.attemptId) && !isLost)) {
      this.#world.fail('B8', `${slot.dir} is booted again in ${trial.attemptId}, which refused it`);
    }
  }
}
