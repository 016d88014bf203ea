/*
 * Lives of a coordinator's store. A backup that is restored begins a new life from an old position; what the life before
 * did after that position is lost here, while agents have seen it. Generation (which life) and position (how far)
 * travel in every welcome and command, agents remember the highest, and say it in their hello: from that it is
 * decided whether this store was restored without being told, and which agents are ahead of it.
 */

/** Where a store is, or what an agent has seen of it. Generation 0: never welcomed. */
export interface StorePlace {
  readonly generation: number;
  readonly position: number;
}

/** A life that began by a restore, told from its predecessor. */
export interface RestoredLife {
  readonly generation: number;
  /** The life before, and the last of its history that is left. */
  readonly fromGeneration: number;
  readonly fromPosition: number;
  /** In history: the restore itself, later than all that is left, earlier than all that is chosen from then on. */
  readonly position: number;
}

/** What no store reaches by being restored, and still counts exactly: whoever says more is not believed. */
export const GENERATION_MAX: number = 2 ** 40;

/** What an agent has seen, held against the history that is here. */
export interface SeenPlace extends StorePlace {
  /** Whether history has this position. Told are only positions that it has: where it is missing it was lost. */
  readonly isKept: boolean;
}

/**
 * RS3: an agent that has seen a later life, or what this one does not have, has seen what this store has lost: it was
 * restored, whoever did it.
 */
export function isBeyond(own: StorePlace, seen: SeenPlace): boolean {
  if (seen.generation === own.generation) return seen.position > 0 && !seen.isKept;
  return seen.generation > own.generation;
}

/**
 * Where the history of a process begins: above all that was lost since a backup, as long as that was less than a
 * thousand rows a second, so that what is written from now on does not stand where lost rows stood.
 */
export function firstPosition(last: number, nowMs: number): number {
  return Math.max(last + 1, nowMs);
}

/** Above both, and by the minute: the same backup restored twice begins two lives that differ. */
export function nextGeneration(last: number, nowMs: number): number {
  return Math.max(last + 1, Math.floor(nowMs / 60_000));
}

/**
 * RS5: the restore that lost what this agent has seen; null: it has seen nothing that is not here. `lives` are all
 * restores of this store, the newest first.
 */
export function lostTo(
  lives: readonly RestoredLife[],
  of: { readonly own: StorePlace; readonly seen: SeenPlace },
): RestoredLife | null {
  const { own, seen } = of;
  if (seen.generation === 0 || seen.generation === own.generation) return null;
  const end = lives.find((life) => life.fromGeneration === seen.generation);
  // A life that this store never had was lost whole.
  if (end === undefined) return lives[0] ?? null;
  return !seen.isKept || seen.position > end.fromPosition ? end : null;
}
