import type { Component } from '@moult/core/component';
import type { AgentMessages, FinishMessage } from '@moult/protocol';
import type { SimRelease } from './versions.ts';

/** One attempt at a command, as the coordinator keeps it. */
export interface OrderRow {
  readonly attemptId: string;
  readonly commandId: string;
  readonly attempt: number;
  readonly component: Component;
  readonly release: SimRelease;
  readonly isForced: boolean;
  readonly nonce: string;
  isAccepted: boolean;
  isRevoked: boolean;
  /** Told at the next healthy report instead of `confirm`. */
  isToReject: boolean;
  isAttested: boolean;
  isConfirmed: boolean;
  isRejected: boolean;
  /** The last permission was granted at least once. */
  isSwitchGranted: boolean;
  readonly ends: FinishMessage[];
}

/** Attested: the session's proof names the slot that was ordered and the command's own nonce. */
export function isShown(order: OrderRow, hello: AgentMessages['hello']): boolean {
  const { digest } = order.release.slot;
  const shown = order.component === 'agent' ? hello.digest : hello.launcherDigest;
  return hello.commandNonce === order.nonce && shown === digest;
}

/** What a trace shows of a frame. */
export function shortOf(message: object): unknown {
  const shown = [
    'commandId',
    'attempt',
    'point',
    'step',
    'reason',
    'version',
    'counter',
    'isFirst',
  ];
  const entries = Object.entries(message).filter(([name]) => shown.includes(name));
  return Object.fromEntries(entries);
}
