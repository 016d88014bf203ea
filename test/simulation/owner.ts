/*
 * The owner of a host, who goes back to the version before by hand, now and then and whenever it pleases (P11): asked, or by
 * force. What comes of it is the agent's to know, and the launcher's; nothing here decides.
 */
import { type ComponentRecord, leftByOwner } from '@moult/core/boot';
import { codedErrorFrom } from '@moult/core/errors';
import type { OwnerSocket } from '../../packages/agent/src/owner/socket.ts';
import { SeededRandom } from './seeded-random.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

type Desk = Parameters<OwnerSocket['run']>[0];

/** One life in so many has such an owner. */
const LIVES_WITH = 4;
/** An upgrade takes minutes. */
const MOST_MS = 600_000;

export class SimOwner {
  readonly #world: World;
  readonly #random: SeededRandom;
  #serving: { readonly process: SimProcess; readonly desk: Desk } | null = null;
  /** How often it was asked for. */
  asks = 0;

  constructor(world: World) {
    this.#world = world;
    this.#random = new SeededRandom(world.seed, 7);
  }

  socket(process: SimProcess): OwnerSocket {
    return {
      run: async (desk) => {
        this.#serving = { process, desk };
      },
    };
  }

  /** An upgrade was ordered, or has ended: before long its owner may have had enough of it. */
  mayGoBack(): void {
    // By its number, so that lives which are known by what they find stay as they were.
    if (this.#world.seed % LIVES_WITH !== 1 || this.#random.chance(0.3)) return;
    this.#world.scheduler.after(this.#random.spread(100, MOST_MS), () => this.#goBack());
  }

  #goBack(): void {
    const serving = this.#serving;
    if (this.#world.isMended || serving?.process.isRunning !== true) return;
    this.asks += 1;
    const isForced = this.#random.chance(0.5);
    // Some hang up before they have an answer.
    const gone = new AbortController();
    if (this.#random.chance(0.2)) {
      serving.process.after(this.#random.spread(10, 60_000), () =>
        gone.abort(new Error('it has gone')),
      );
    }
    const ask = { ask: 'rollback', by: 'root', why: 'it is loud', isForced } as const;
    this.#world.trace('the owner goes back', { isForced });
    serving.desk(ask, gone.signal).then(
      (result) => this.#answered('done', result),
      (error: unknown) => this.#answered(codedErrorFrom(error).code, String(error)),
    );
  }

  #answered(how: string, detail: unknown): void {
    this.#world.tally.ended(`rollback by hand: ${how}`);
    this.#world.trace('the owner is told', { how, detail });
  }
}

/** B21: nothing else changed than that the two changed places, and what was left is refused by its owner. */
export function isGoneBack(was: ComponentRecord, now: ComponentRecord): boolean {
  const left = leftByOwner(now);
  return (
    left !== null &&
    left.digest === was.committed?.digest &&
    now.committed?.digest === was.previous?.digest
  );
}
