/* What the launcher hears of an agent that works: regularly, and at once when it matters. */
import { type AgentPipeMessage, HEARTBEAT_MS } from '@moult/core/boot';
import type { UpgradeState } from '@moult/core/upgrade';
import type { Clock } from '@moult/runtime/clock';
import { pause } from '../waiting.ts';

export interface HeartOptions {
  readonly clock: Clock;
  readonly post: (message: AgentPipeMessage) => void;
  /** An authenticated answer is fresh. */
  readonly isReached: () => boolean;
  /** Why not healthy; null: it is. */
  readonly trouble: () => string | null;
  readonly upgrade: () => UpgradeState;
  /** A task runs. */
  readonly isBusy: () => boolean;
}

export class Heart {
  readonly #options: HeartOptions;

  constructor(options: HeartOptions) {
    this.#options = options;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    do this.beat();
    while (await pause(this.#options.clock, HEARTBEAT_MS, signal));
  }

  beat(): void {
    const { post, isReached, upgrade, isBusy } = this.#options;
    const trouble = this.#options.trouble();
    post({
      kind: 'heartbeat',
      reached: isReached(),
      healthy: trouble === null,
      trouble,
      idle: ['idle', 'probation'].includes(upgrade().kind) && !isBusy(),
    });
  }
}
