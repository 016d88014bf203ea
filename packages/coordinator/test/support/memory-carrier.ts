import { type CoordinatorFrame, decodeCoordinatorFrame } from '@moult/protocol';
import type { Carrier, CarrierListener } from '../../src/gateway/carrier.ts';

/** The agent's end in this process: what the session does to its carrier can be looked at. */
export class MemoryCarrier implements Carrier {
  readonly kind = 'web-socket';
  readonly sent: CoordinatorFrame[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  isTerminated = false;
  isPaused = false;
  bufferedBytes = 0;
  binding = '';
  #listener: CarrierListener | null = null;

  listen(listener: CarrierListener): void {
    this.#listener = listener;
  }

  send(bytes: Uint8Array): void {
    const decoded = decodeCoordinatorFrame(bytes);
    if (decoded.kind !== 'frame') throw new Error(`the coordinator sent ${decoded.kind}`);
    this.sent.push(decoded.frame);
  }

  together(work: () => void): void {
    work();
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  terminate(): void {
    this.isTerminated = true;
    this.end();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  channelBinding(): string {
    return this.binding;
  }

  deliver(bytes: Uint8Array, isBinary = true): void {
    this.#listener?.onBytes(bytes, isBinary);
  }

  /** What the session says to bytes on the wire that are no frame yet. */
  arrive(byteCount: number): boolean {
    return this.#listener?.onArriving(byteCount) ?? false;
  }

  end(): void {
    this.#listener?.onEnded();
  }
}
