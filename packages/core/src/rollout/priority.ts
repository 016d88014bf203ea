/* RO22: which of two running rollouts has the places of a group first (P5). */
import { readSpec } from './spec.ts';

export interface Ranked {
  /** Sorts by when it was made. */
  readonly id: string;
  /** Stored; unreadable: as if nothing had been said. */
  readonly spec: string;
}

/** The higher priority first, of equal ones the older. */
export function byPriority(a: Ranked, b: Ranked): number {
  return priorityOf(b) - priorityOf(a) || Number(a.id > b.id) - Number(a.id < b.id);
}

function priorityOf({ spec }: Ranked): number {
  return readSpec(spec)?.priority ?? 0;
}
