/* What the spec says of a rollout before it runs: who may be in it, and when it may start (RO8, RO42 to RO45). */
import { ACTIVE, failuresOf, type KnownMember, type KnownRollout, ON_THE_WAY } from './known.ts';

export interface BeginningsOptions {
  readonly rollouts: ReadonlyMap<string, KnownRollout>;
  readonly nowMs: () => number;
  readonly fail: (invariant: string, message: string) => void;
  readonly met: (what: string) => void;
  readonly nameOf: (instance: string) => string;
  /** What an agent ran before a command, by its own word; undefined: it was never given that. */
  readonly formerOf: (instance: string, command: string) => string | undefined;
}

/** They have upgraded nobody, or go on with it. */
const NOT_REVERTED: ReadonlySet<string> = new Set(['draft', 'planning', 'pending', 'running']);
/** By which an operator says that each one goes back to what it ran before. */
export const TO_FORMER = 'each to its former one';

export class Beginnings {
  readonly #options: BeginningsOptions;
  /** Names: a person has ordered their start. */
  readonly #ordered = new Set<string>();
  /** In what is looked at now: who has left which one, and parts that were made of it. */
  readonly #left = new Map<string, Set<string>>();
  readonly #parts = new Map<string, KnownRollout[]>();

  constructor(options: BeginningsOptions) {
    this.#options = options;
  }

  startOrdered(name: string): void {
    this.#ordered.add(name);
  }

  startRefused(name: string): void {
    this.#ordered.delete(name);
  }

  left(rollout: KnownRollout, instance: string): void {
    const all = this.#left.get(rollout.id) ?? new Set();
    this.#left.set(rollout.id, all.add(instance));
  }

  made(rollout: KnownRollout): void {
    const { splitOf, reverts, name } = rollout;
    if (splitOf !== null) {
      this.#parts.set(splitOf, [...(this.#parts.get(splitOf) ?? []), rollout]);
      if (rollout.approvedBy !== null) this.#fail('RO44', `${name} has an approval of another one`);
    }
    const reverted = this.#options.rollouts.get(reverts ?? '');
    if (reverted !== undefined && NOT_REVERTED.has(reverted.state))
      this.#fail('RO45', `${name} takes back ${reverted.name}, which is ${reverted.state}`);
  }

  /** RO45 */
  joined(rollout: KnownRollout, member: KnownMember, who: string): void {
    const reverted = this.#options.rollouts.get(rollout.reverts ?? '');
    if (reverted === undefined || rollout.state !== 'pending') return;
    this.#options.met('revert');
    const own = reverted.members.get(member.instance);
    if (own?.state !== 'done') {
      this.#fail('RO45', `${who} is taken back in ${rollout.name}, and is ${own?.state} in it`);
      return;
    }
    const former = this.#options.formerOf(member.instance, own.command ?? '');
    if (rollout.why !== TO_FORMER || former === undefined || former === rollout.version) return;
    this.#fail('RO45', `${who} goes back to ${rollout.version}, and ran ${former} before`);
  }

  starts(rollout: KnownRollout): void {
    this.#isApart(rollout);
    const { name, spec, makers, approvedBy } = rollout;
    if (spec?.needsSecondPrincipal && (approvedBy === null || makers.includes(approvedBy)))
      this.#fail('RO42', `${name} starts, made by ${makers.join()}, approved by ${approvedBy}`);
    // A choice starts its own.
    if (this.#ordered.delete(name) || rollout.origin === 'choice') return;
    this.#options.met('rollout: starts by itself');
    const { startsMs, startsAfter } = rollout;
    if (startsMs === null && startsAfter === null)
      this.#fail('RO43', `${name} starts, and nobody has said so`);
    if (startsMs !== null && this.#options.nowMs() < startsMs)
      this.#fail('RO43', `${name} starts ${startsMs - this.#options.nowMs()} ms too early`);
    if (startsAfter !== null) this.#follows(rollout, startsAfter);
  }

  /** RO8 */
  #isApart(rollout: KnownRollout): void {
    for (const other of this.#options.rollouts.values()) {
      const isOther = other !== rollout && other.component === rollout.component;
      if (!isOther || !ACTIVE.has(other.state)) continue;
      for (const { instance, state } of other.members.values()) {
        if (!ON_THE_WAY.has(state) || !rollout.members.has(instance)) continue;
        const name = this.#options.nameOf(instance);
        this.#fail('RO8', `${name} is in ${rollout.name} and in ${other.name}`);
      }
    }
  }

  /** RO44: as far as the journal tells how the one before it has ended. */
  #follows(rollout: KnownRollout, before: string): void {
    const sibling = this.#options.rollouts.get(before);
    if (sibling === undefined) return;
    this.#options.met('sibling: starts after another');
    const who = `${rollout.name} follows ${sibling.name}`;
    if (sibling.state !== 'ended') this.#fail('RO44', `${who}, which is ${sibling.state}`);
    else if (!sibling.isUncertain && failuresOf(sibling).failures > 0)
      this.#fail('RO44', `${who}, of which some have failed`);
  }

  /** At the end of a look: each agent of what was split is in one of its parts. */
  settle(): void {
    for (const [id, parts] of this.#parts) {
      this.#options.met('split');
      const left = this.#left.get(id) ?? new Set();
      const count = new Map<string, number>();
      for (const { members } of parts)
        for (const instance of members.keys()) count.set(instance, (count.get(instance) ?? 0) + 1);
      for (const instance of new Set([...left, ...count.keys()])) {
        const times = count.get(instance) ?? 0;
        if (times !== 1 || !left.has(instance))
          this.#fail(
            'RO44',
            `${this.#options.nameOf(instance)} is in ${times} parts of what was split`,
          );
      }
    }
    this.#left.clear();
    this.#parts.clear();
  }

  #fail(invariant: string, message: string): void {
    this.#options.fail(invariant, message);
  }
}
