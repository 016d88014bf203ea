/* RO51 to RO54: what is chosen for whom, by the journal: for an agent, its group or the fleet, the nearest holds. */
import type { Change } from './journal.ts';
import { ACTIVE, type KnownCommand, type KnownRollout, ON_THE_WAY } from './known.ts';
import type { LightAgent } from './light-agent.ts';

export class Chosen {
  readonly #versions = new Map<string, string>();

  clear(): void {
    this.#versions.clear();
  }

  get isAny(): boolean {
    return this.#versions.size > 0;
  }

  changed(change: Extract<Change, { readonly on: 'choice' }>): void {
    const { scope, subject, component, version } = change;
    const key = `${component} ${scope} ${subject}`;
    if (version === null) this.#versions.delete(key);
    else this.#versions.set(key, version);
  }

  /** RO51, RO52: why nobody of a choice starts in that rollout, or joins it; null: it is what is chosen for it. */
  against(rollout: KnownRollout, { name, group }: LightAgent): string | null {
    if (rollout.origin !== 'choice') return null;
    const { component, version } = rollout;
    const keys = [`agent ${name}`, `group ${group}`, 'fleet '];
    const key = keys.find((one) => this.#versions.has(`${component} ${one}`));
    const chosen = key === undefined ? 'nothing' : this.#versions.get(`${component} ${key}`);
    return chosen === version ? null : `in ${rollout.name}, and ${chosen} is chosen for it`;
  }

  /** RO51: the rollout in which it has its turn beside that command; null: none. */
  besides(command: KnownCommand, rollouts: Iterable<KnownRollout>): string | null {
    if (command.origin !== 'choice') return null;
    for (const { name, origin, state, component, version, members } of rollouts) {
      const isItsOwn = component === command.component && version === command.version;
      if (origin !== 'choice' || !isItsOwn || !ACTIVE.has(state)) continue;
      if (ON_THE_WAY.has(members.get(command.instance)?.state ?? '')) return name;
    }
    return null;
  }
}
