import type { Slot } from '../boot/index.ts';
import type { Component } from '../component.ts';
import type { Version } from '../versions.ts';

/** How an upgrade treats what its host is doing (P5). */
export const PACES = [
  'now',
  /** It drains no sooner than when no task runs. */
  'soft',
  /** Everything is made ready, and nothing is switched. */
  'fetch-only',
] as const;

export type Pace = (typeof PACES)[number];

export function isPace(text: string): text is Pace {
  return (PACES as readonly string[]).includes(text);
}

/** What an accepted autoUpgrade command asks of this host. */
export interface UpgradeOrder {
  readonly commandId: string;
  /** From 1; a new attempt of one command is a new fact for launcher and coordinator. */
  readonly attempt: number;
  readonly component: Component;
  readonly version: Version;
  readonly isForced: boolean;
  readonly isRevert: boolean;
  /** The command's nonce, hex: the new process proves with it that it is the one that was ordered. */
  readonly nonce: string;
  /** Records of older versions lack it: `now`. */
  readonly pace?: Pace;
}

/** Names one attempt everywhere: in the boot record, on the pipe, in evidence. */
export function attemptIdOf(order: Pick<UpgradeOrder, 'commandId' | 'attempt'>): string {
  return `${order.commandId}/${order.attempt}`;
}

/** The machine's steps as history shows them, in their order. */
export const UPGRADE_STEPS = [
  'preflight',
  'fetching',
  'staged',
  'rehearsed',
  'draining',
  'switching',
  'probation',
  'committing',
  'rolling-back',
  'reporting',
] as const;

export type UpgradeStep = (typeof UPGRADE_STEPS)[number];

export interface StepTime {
  readonly step: UpgradeStep;
  readonly startedMs: number;
}

/**
 * *Not done*: it has not come to it, or launcher or version know no rehearsals; *failed*: the version would not have served;
 * *not reached*: nor was the coordinator by the version that runs; *switched off*: by the host's owner.
 */
export type Rehearsal = 'not-done' | 'passed' | 'failed' | 'not-reached' | 'switched-off';

/** What an attempt carries along from its first step to its report. */
export interface Course {
  readonly order: UpgradeOrder;
  /** What ran when the order came; null: nothing of that component was installed. */
  readonly from: Slot | null;
  readonly steps: readonly StepTime[];
  readonly bytesFetched: number;
  readonly bytesTotal: number;
  readonly rehearsal: Rehearsal;
}

/** The committed version itself was ordered, where another one runs because its slot is damaged: it is staged anew. */
export function isMend(attempt: { readonly course: Course; readonly slot: Slot }): boolean {
  return attempt.course.from?.digest === attempt.slot.digest;
}
