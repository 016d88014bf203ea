import type { Component } from '@moult/core/component';
import type { StorePlace } from '@moult/core/restore';

/** From a hello whose proof was verified. */
export interface ProvenHello {
  readonly instanceId: string;
  readonly counter: number;
  readonly ticket: string;
  readonly newTicket: string;
  /** Null: no such component on the host. */
  readonly slots: Readonly<
    Record<Component, { readonly version: string; readonly digest: string } | null>
  >;
  readonly capabilities: readonly string[];
  readonly bootId: string;
  /** Empty: no command under trial. */
  readonly commandNonce: string;
  /** The furthest that any coordinator ever told it. */
  readonly seen: StorePlace;
  readonly nowMs: number;
}
