import { decodeCoordinatorFrame } from '@moult/protocol';
import type { Received } from '../ports.ts';

/** A coordinator sends a few frames and waits; this many unread ones mean that something is wrong. */
const UNREAD_MAX = 1_000;

/** What arrived on a connection and was not asked for yet, in order. */
export class Unread {
  readonly #received: Received[] = [];
  #wake: (() => void) | null = null;

  /** False: more waits than is right. */
  arrive(received: Received): boolean {
    this.#received.push(received);
    this.#wake?.();
    return this.#received.length <= UNREAD_MAX;
  }

  arrived(): Received | null {
    return this.#received.shift() ?? null;
  }

  /** Rejects with the signal's reason. */
  async next(signal: AbortSignal): Promise<Received> {
    for (;;) {
      const first = this.arrived();
      if (first !== null) return first;
      await new Promise<void>((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        const aborted = () => reject(signal.reason);
        signal.addEventListener('abort', aborted, { once: true });
        this.#wake = () => {
          signal.removeEventListener('abort', aborted);
          resolve();
        };
      });
      this.#wake = null;
    }
  }
}

export function receivedOf(bytes: Uint8Array): Received {
  const decoded = decodeCoordinatorFrame(bytes);
  if (decoded.kind !== 'too-large') return decoded;
  return { kind: 'invalid', reason: `a frame larger than ${decoded.limitBytes} bytes` };
}
