import { attemptIdIn, type UpgradeState } from '@moult/core/upgrade';
import type { Meta } from '../database/index.ts';

/** A fact in `meta`; frozen, like all of them. The process that comes after a probe of the launcher must know it, too. */
const WORLD_BROKEN = 'world-broken';

/** Whether the launcher has found that no version reaches the coordinator from here (B13), as long as nobody has. */
export class World {
  readonly #meta: Meta;

  constructor(meta: Meta) {
    this.#meta = meta;
  }

  isBroken(upgrade: UpgradeState): boolean {
    return upgrade.kind === 'probation' && this.#meta.read(WORLD_BROKEN) === attemptIdIn(upgrade);
  }

  /** `reached`: by the version before, after the new one had failed. */
  probed(upgrade: UpgradeState, reached: boolean): void {
    if (reached) this.seen();
    else if (upgrade.kind === 'probation') {
      this.#meta.write(WORLD_BROKEN, attemptIdIn(upgrade) ?? '');
    }
  }

  seen(): void {
    if (this.#meta.read(WORLD_BROKEN) !== null) this.#meta.forget(WORLD_BROKEN);
  }
}
