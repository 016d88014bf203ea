/*
 *   hello ─► challenge ─► prove ─► welcome        (docs: the wire; identity in core)
 *
 * Used by serving sessions and by probes: a probe shows neither counter nor ticket and reads no state.
 */
import { proofText, type SessionPurpose } from '@moult/core/identity';
import {
  CLOSE_REASONS,
  type CloseReasonName,
  type CoordinatorMessages,
  HANDSHAKE_MS_MAX,
  type Hello,
  PROTOCOL_MINOR,
} from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Connection, Received, Self } from '../ports.ts';
import { type Ending, endingOf } from './backoff.ts';

export type Welcome = CoordinatorMessages['welcome'];

/** What this version says it can do; the coordinator sends nothing else. */
export const CAPABILITIES: readonly string[] = [
  'auto-upgrade',
  'cleanup',
  'control',
  'fetch-only',
  'output',
  'soft-upgrade',
  'tasks',
  'upgrading-state',
];

export interface HelloFacts {
  readonly purpose: SessionPurpose;
  readonly version: string;
  /** Digest of the slot that this process runs from; empty: it runs from none. */
  readonly digest: string;
  readonly commandNonce: string;
  readonly launcherVersion: string;
  readonly launcherDigest: string;
  readonly counter: number;
  readonly ticket: string;
  readonly generationSeen: number;
  readonly positionSeen: number;
}

export type HandshakeResult =
  | {
      readonly kind: 'welcomed';
      readonly welcome: Welcome;
      /** Of this host, ahead of the coordinator, in ms; as exact as the way to it is short. */
      readonly clockAheadMs: number;
    }
  | { readonly kind: 'ended'; readonly ending: Ending; readonly detail: string };

/** Twice the coordinator's own deadline: it is the one to give up, and to say why. */
const ANSWER_MS_MAX = 2 * HANDSHAKE_MS_MAX;

/** Expected ends are values; rejects only with the signal's reason. */
export async function shakeHands(options: {
  readonly connection: Connection;
  readonly self: Self;
  readonly facts: HelloFacts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<HandshakeResult> {
  const { connection, self, facts, clock } = options;
  const done = new AbortController();
  const late = new AbortController();
  clock.sleep(ANSWER_MS_MAX, AbortSignal.any([done.signal, options.signal])).then(
    () => late.abort(),
    () => undefined,
  );
  const signal = AbortSignal.any([options.signal, late.signal]);
  try {
    connection.send({ kind: 'hello', message: helloOf(self, facts) });
    const challenge = await expected(connection, 'challenge', signal);
    if (challenge.kind === 'ended') return challenge;
    const clockAheadMs = clock.nowMs() - challenge.message.nowMs;
    connection.send({
      kind: 'prove',
      message: { signature: self.sign(proofFor(options, challenge.message.nonce)) },
    });
    const welcome = await expected(connection, 'welcome', signal);
    if (welcome.kind === 'ended') return welcome;
    return { kind: 'welcomed', welcome: welcome.message, clockAheadMs };
  } catch (error) {
    if (!late.signal.aborted || options.signal.aborted) throw error;
    const detail = `no answer to the handshake within ${ANSWER_MS_MAX / 1_000} s`;
    return { kind: 'ended', ending: { reason: null, retryAfterMs: 0 }, detail };
  } finally {
    done.abort();
  }
}

function helloOf(self: Self, facts: HelloFacts): Hello {
  const { purpose, version, digest, commandNonce, launcherVersion, launcherDigest } = facts;
  return {
    instanceId: self.instanceId,
    purpose,
    version,
    digest,
    platform: self.platform,
    protocolMinor: PROTOCOL_MINOR,
    capabilities: CAPABILITIES,
    counter: facts.counter,
    ticket: facts.ticket,
    generationSeen: facts.generationSeen,
    positionSeen: facts.positionSeen,
    commandNonce,
    launcherVersion,
    launcherDigest,
    agentName: self.agentName,
    bootId: self.bootId,
  };
}

function proofFor(
  options: { readonly connection: Connection; readonly self: Self; readonly facts: HelloFacts },
  nonce: string,
): string {
  const { connection, self, facts } = options;
  return proofText({
    nonce,
    instanceId: self.instanceId,
    purpose: facts.purpose,
    version: facts.version,
    digest: facts.digest,
    commandNonce: facts.commandNonce,
    channelBinding: self.bindsChannel ? connection.channelBinding() : '',
  });
}

type Expected<K extends 'challenge' | 'welcome'> =
  | { readonly kind: 'message'; readonly message: CoordinatorMessages[K] }
  | { readonly kind: 'ended'; readonly ending: Ending; readonly detail: string };

async function expected<K extends 'challenge' | 'welcome'>(
  connection: Connection,
  wanted: K,
  signal: AbortSignal,
): Promise<Expected<K>> {
  for (;;) {
    const received = await connection.next(signal);
    const end = endIn(received);
    if (end !== null) return { kind: 'ended', ...end };
    if (received.kind === 'unsupported') {
      connection.send({ kind: 'unsupported', message: { field: received.field } });
      continue;
    }
    if (received.kind === 'frame' && received.frame.kind === wanted) {
      return { kind: 'message', message: received.frame.message as CoordinatorMessages[K] };
    }
    const detail = `the coordinator sent ${received.kind === 'frame' ? received.frame.kind : 'rubbish'} where ${wanted} belongs`;
    return { kind: 'ended', ending: { reason: null, retryAfterMs: 0 }, detail };
  }
}

/** The end that a received thing means; null: none. */
export function endIn(
  received: Received,
): { readonly ending: Ending; readonly detail: string } | null {
  if (received.kind === 'closed') {
    return { ending: endingOf(received.code, null), detail: received.detail };
  }
  if (received.kind !== 'frame' || received.frame.kind !== 'goodbye') return null;
  const { reason, retryAfterMs } = received.frame.message;
  const known = Object.hasOwn(CLOSE_REASONS, reason) ? (reason as CloseReasonName) : null;
  const detail = known === null ? reason : CLOSE_REASONS[known].text;
  return { ending: { reason: known, retryAfterMs }, detail };
}
