/* The owner's word, and what else the owner may ask of an agent that serves. */
import type { Spawned } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { OwnerFiles } from '../ports.ts';
import type { OwnerAsk } from './asks.ts';
import { OwnersWord } from './owners-word.ts';
import { OwnersRollback, type OwnersRollbackOptions } from './roll-back.ts';
import type { OwnerSocket } from './socket.ts';

export interface OwnerOptions extends OwnersRollbackOptions {
  readonly ownerFiles: OwnerFiles;
  readonly ownerSocket: OwnerSocket;
  readonly clock: Clock;
  readonly log: Logger;
  readonly spawned: Spawned;
  /** What the agent says of itself has changed. */
  readonly onChange: () => void;
}

export class Owner {
  readonly word: OwnersWord;
  readonly #options: OwnerOptions;
  readonly #rollback: OwnersRollback;

  constructor(options: OwnerOptions) {
    const { ownerFiles, clock, log, onChange } = options;
    this.#options = options;
    this.word = new OwnersWord({ files: ownerFiles, clock, log, onChange });
    this.#rollback = new OwnersRollback(options);
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { ownerSocket } = this.#options;
    await Promise.all([
      this.word.run(signal),
      ownerSocket.run((ask, asker) => this.#answer(ask, asker), signal),
    ]);
  }

  async #answer(ask: OwnerAsk, signal: AbortSignal): Promise<unknown> {
    const { log, spawned } = this.#options;
    log.info('the owner of this host asks', { ...ask });
    switch (ask.ask) {
      case 'pin':
        return this.word.pin({ ...ask, version: spawned.slot.version });
      case 'unpin':
        return this.word.unpin();
      case 'postpone':
        return this.word.postpone(ask);
      case 'rollback':
        return this.#rollback.roll(ask, signal);
      case 'status':
      case 'logs':
        throw new CodedError('usage', `this agent cannot be asked ${ask.ask}`);
    }
  }
}
