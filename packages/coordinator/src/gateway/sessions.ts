import type { Session } from './session.ts';

/** The live serve session of each instance: presence is this map, and no table. */
export class Sessions {
  readonly #live = new Map<string, Session>();

  of(instanceId: string): Session | null {
    return this.#live.get(instanceId) ?? null;
  }

  /** Gives the session that it replaces. */
  put(session: Session): Session | null {
    const old = this.of(session.instanceId);
    this.#live.set(session.instanceId, session);
    return old;
  }

  /** False: a newer one has taken its place already. */
  remove(session: Session): boolean {
    if (this.#live.get(session.instanceId) !== session) return false;
    return this.#live.delete(session.instanceId);
  }

  instanceIds(): readonly string[] {
    return [...this.#live.keys()];
  }

  get count(): number {
    return this.#live.size;
  }
}
