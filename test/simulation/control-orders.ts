/*
 * Pauses, resumes, restarts and clears as a coordinator orders them, and what must be true of their ends. The model
 * sends them whatever the state: what may not be done now is for the agent to know.
 */
import type { ControlKind } from '@moult/core/command';
import { isMajorChange } from '@moult/core/versions';
import type { CommandMessage, FinishMessage } from '@moult/protocol';
import type { OrderRow } from './order-row.ts';
import type { World } from './world.ts';

export interface ControlRow {
  readonly commandId: string;
  readonly action: ControlKind;
  /** How many agents had been spawned when it was ordered. */
  readonly spawnedBefore: number;
  isAccepted: boolean;
  isRevoked: boolean;
  readonly ends: FinishMessage[];
}

export class ControlOrders {
  readonly rows: ControlRow[] = [];
  readonly #world: World;
  /** What the ends that arrived, in their order, add up to. */
  #isPaused = false;
  #isFailed = false;
  /** Cleared on the host before the end that it clears was sent. */
  #isClearedAhead = false;

  constructor(world: World) {
    this.#world = world;
  }

  order(action: ControlKind): ControlRow {
    const row: ControlRow = {
      commandId: `${action}-${this.rows.length + 1}`,
      action,
      spawnedBefore: this.#world.invariants.spawned,
      isAccepted: false,
      isRevoked: false,
      ends: [],
    };
    this.rows.push(row);
    this.#world.trace('ordered', { command: row.commandId });
    return row;
  }

  /** What a check is answered with besides an upgrade. */
  due(): readonly CommandMessage[] {
    return this.rows
      .filter((row) => row.ends.length === 0 && !row.isAccepted && !row.isRevoked)
      .map(({ commandId, action }) => ({
        commandId,
        attempt: 1,
        notAfterMs: Number.MAX_SAFE_INTEGER,
        generation: 1,
        position: 2,
        control: { action },
      }));
  }

  accepted(commandId: string): void {
    const row = this.#rowOf(commandId);
    if (row !== null) row.isAccepted = true;
  }

  finished(finish: FinishMessage): void {
    const row = this.#rowOf(finish.commandId);
    if (row === null) return;
    row.ends.push(finish);
    const { commandId, action, ends } = row;
    this.#world.tally.ended(`${action}: ${finish.outcome} ${finish.code}`);
    if (ends.some((end) => end.outcome !== finish.outcome || end.code !== finish.code)) {
      this.#world.fail('A6', `${commandId}: two different ends: ${JSON.stringify(ends)}`);
    }
    if (ends.length > 1) {
      const isRepeated = this.#world.struck.includes('coordinator-repeating');
      if (!isRepeated) this.#world.fail('A6', `${commandId}: ${ends.length} ends arrived`);
      return;
    }
    const isAllowed = finish.outcome !== 'denied' || row.isRevoked;
    if (!isAllowed) this.#world.fail('A6', `${commandId} is denied, and nobody took it back`);
    if (finish.outcome !== 'succeeded') return;
    if (action === 'pause') this.#isPaused = true;
    if (action === 'resume') this.#isPaused = false;
    if (action === 'clear') {
      if (!this.#isFailed) this.#isClearedAhead = true;
      this.#isFailed = false;
    }
    if (action === 'restart' && this.#world.invariants.spawned <= row.spawnedBefore) {
      this.#world.fail('A6', `${commandId} is reported, and no process was started since`);
    }
  }

  /** A4: the first word of an upgrade's end. */
  upgradeEnded(order: OrderRow, finish: FinishMessage): void {
    const { outcome, from, steps } = finish;
    if (order.component !== 'agent') return;
    if (outcome === 'succeeded' || (outcome === 'already-there' && order.isForced)) {
      this.#isFailed = false;
      return;
    }
    const to = order.release.slot.version;
    const isMajor = from !== null && isMajorChange({ from: from.version, to });
    const hasSwitched =
      outcome === 'rolled-back' ||
      (outcome === 'failed' && steps.some(({ step }) => step === 'switching'));
    // A person has looked at it.
    if (!isMajor || !hasSwitched || finish.code === 'rolled-back-by-owner') return;
    this.#isFailed = !this.#isClearedAhead;
    this.#isClearedAhead = false;
  }

  /** Why the host is not at rest; null: it is. */
  unrest(): string | null {
    const open = this.rows.find(
      (row) => row.ends.length === 0 && !(row.isRevoked && !row.isAccepted),
    );
    return open === undefined ? null : `${open.commandId} has no end`;
  }

  /** A3, A5: at rest an agent is what the commands and upgrades made of it, whatever happened in between. */
  get expectedState(): string {
    if (this.#isFailed) return 'Upgrade Failed';
    return this.#isPaused ? 'Paused' : 'Up';
  }

  #rowOf(commandId: string): ControlRow | null {
    return this.rows.find((row) => row.commandId === commandId) ?? null;
  }
}
