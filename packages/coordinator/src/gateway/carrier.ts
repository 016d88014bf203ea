/*
 * What a session is spoken over. A session knows frames, phases and limits; a carrier knows how bytes travel: a
 * WebSocket, HTTPS requests, or memory. It gives frames whole and in their order, keeps what was sent in order, and
 * ends once; after its end nothing comes.
 */

import type { Clock } from '@moult/runtime/clock';
import type { Random } from '@moult/runtime/random';
import type { TimerWheel } from './timer-wheel.ts';

export type CarrierKind = 'web-socket' | 'https';

export interface Carrier {
  readonly kind: CarrierKind;
  /** Called once, before anything can have arrived. */
  listen(listener: CarrierListener): void;
  /** One frame. Never throws: into a carrier that has ended it is lost. */
  send(bytes: Uint8Array): void;
  /** What is sent in `work` travels together, where there is a way to. */
  together(work: () => void): void;
  /** Ends it when what was sent is through. The code is that of the close reasons. */
  close(code: number, reason: string): void;
  /** Ends it now. */
  terminate(): void;
  /** No frames until `resume`: the peer is held up, memory is not used up. */
  pause(): void;
  resume(): void;
  /** Sent, and not taken by the peer yet. */
  readonly bufferedBytes: number;
  /** RFC 9266 tls-exporter of the connection, hex; empty without TLS. */
  channelBinding(): string;
}

export interface CarrierListener {
  onBytes(bytes: Uint8Array, isBinary: boolean): void;
  /**
   * So many bytes came off the wire, and may be no frame yet: half a frame must not gather without limit. False: they
   * need not be told any more.
   */
  onArriving(byteCount: number): boolean;
  /** However it came about. Nothing follows. */
  onEnded(): void;
}

/** Where carriers go: the gateway. */
export interface SessionOpener {
  /** False: no new ones, the coordinator stops. */
  readonly isOpen: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly wheel: TimerWheel;
  open(carrier: Carrier): { readonly wasLive: boolean };
}
