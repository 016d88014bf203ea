import type { Session } from './session.ts';

/** The live serve session of each instance: presence is this map, and no table. */
export class Sessions {
  readonly #live = new Map<string, Session>();
  /** When the last session of those that have none now ended; wall clock, ms. */
  readonly #left = new Map<string, number>();

  of(instanceId: string): Session | null {
    return this.#live.get(instanceId) ?? null;
  }

  /** Gives the session that it replaces. */
  put(session: Session): Session | null {
    const old = this.of(session.instanceId);
    this.#live.set(session.instanceId, session);
    this.#left.delete(session.instanceId);
    return old;
  }

  /** False: a newer one has taken its place already. */
  remove(session: Session, nowMs: number): boolean {
    const { instanceId } = session;
    if (this.#live.get(instanceId) !== session) return false;
    this.#left.set(instanceId, nowMs);
    return this.#live.delete(instanceId);
  }

  /**
   * When its last session here ended; null: it has one, or had none. The store knows of a quiet session only that it reported
   * something once, and hears of its end in batches: until then this alone says that it was there.
   */
  leftMs(instanceId: string): number | null {
    return this.#left.get(instanceId) ?? null;
  }

  instanceIds(): readonly string[] {
    return [...this.#live.keys()];
  }

  get count(): number {
    return this.#live.size;
  }
}
