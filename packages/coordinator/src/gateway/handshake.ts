/*
 *   hello ─► challenge ─► prove ─► welcome
 *
 * Nothing of a hello is believed before the proof; nothing is stored for probes and rehearsals. A serve session's
 * counter and ticket find clones: the instance is quarantined and both its sessions end (T14).
 */
import { createPublicKey, verify } from 'node:crypto';
import { proofText, type SessionPurpose, ticketOf } from '@moult/core/identity';
import { isSha256 } from '@moult/core/manifest';
import { GENERATION_MAX } from '@moult/core/restore';
import { isVersion } from '@moult/core/versions';
import {
  type AgentFrame,
  type CloseReasonName,
  type CoordinatorMessages,
  HANDSHAKE_MS_MAX,
  type Hello,
  MINORS_SERVED,
  PING_MS,
  PROTOCOL_MINOR,
} from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Random } from '@moult/runtime/random';
import type { InstanceRow, SessionOpened, Store } from '@moult/store';
import { Admission } from './admission.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { Turns } from './turns.ts';

export interface HandshakeOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly wheel: TimerWheel;
  readonly turns: Turns;
  readonly sessions: Sessions;
  /** This program's version, shown in the welcome. */
  readonly version: string;
  /** A serve session is open. */
  readonly onLive: (session: Session) => void;
  /** A session showed that the store was restored without being told. */
  readonly onNoticed: () => void;
}

const NONCE_BYTES = 32;
const TICKET_BYTES = 16;
/** Names of capabilities are short, and few. */
const CAPABILITIES_MAX = 64;
const CAPABILITY_CHARACTERS_MAX = 64;
const HEX = /^[0-9a-f]{0,128}$/;
const CAPABILITIES: readonly string[] = ['auto-upgrade', 'cleanup', 'control', 'output'];

export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #admission: Admission;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.#admission = new Admission(options.random);
  }

  async onFrame(session: Session, frame: AgentFrame): Promise<void> {
    await this.#options.turns.take();
    if (session.phase === 'hello' && frame.kind === 'hello')
      this.#challenge(session, frame.message);
    else if (session.phase === 'prove' && frame.kind === 'prove') {
      await this.#prove(session, frame.message.signature);
    } else session.close('unexpected-frame');
  }

  #challenge(session: Session, hello: Hello): void {
    const { clock, random } = this.#options;
    if (hello.protocolMinor < PROTOCOL_MINOR - MINORS_SERVED) {
      session.close('protocol-unsupported');
      return;
    }
    if (!isSane(hello)) {
      session.close('invalid-frame');
      return;
    }
    // Who shows a nonce is watched by its launcher meanwhile: it goes first.
    const goesFirst = hello.commandNonce !== '';
    if (!goesFirst && !this.#admission.hasRoom(clock.monotonicMs())) {
      session.close('busy', this.#admission.retryAfterMs());
      return;
    }
    session.hello = hello;
    session.nonce = Buffer.from(random.bytes(NONCE_BYTES)).toString('hex');
    session.phase = 'prove';
    session.send({
      kind: 'challenge',
      message: { nonce: session.nonce, nowMs: clock.nowMs(), protocolMinor: PROTOCOL_MINOR },
    });
  }

  async #prove(session: Session, signature: Uint8Array): Promise<void> {
    const { hello } = session;
    if (hello === null) return session.close('unexpected-frame');
    const instance = await this.#options.store.read('instanceById', hello.instanceId);
    await this.#options.turns.take();
    if (session.phase === 'closed') return;
    // Whatever it calls itself: a renamed agent says its old name for a while (RS11).
    if (instance === null) return session.close('not-enrolled');
    const channelBinding = instance.binds_channel === 1 ? session.channelBinding() : '';
    const isBound = instance.binds_channel === 0 || channelBinding !== '';
    if (!isBound || !isProven({ session, hello, instance, signature, channelBinding })) {
      return session.close('proof-failed');
    }
    session.instanceId = instance.id;
    session.agentName = instance.agent_name;
    if (hello.purpose === 'serve') await this.#serve(session, hello);
    else await this.#probe(session, instance);
  }

  async #probe(session: Session, instance: InstanceRow): Promise<void> {
    const { store, clock, wheel } = this.#options;
    if (instance.role === 'removed') return session.close('decommissioned');
    if (instance.quarantined_ms !== null) return session.close('quarantined');
    const life = await store.read('storeLife', null);
    if (session.phase === 'closed') return;
    session.phase = 'probe';
    wheel.set(session, clock.monotonicMs() + HANDSHAKE_MS_MAX);
    const isValidated = instance.validated_ms !== null;
    session.send(
      this.#welcome(session, {
        ...life,
        ticket: '',
        outputEpoch: '',
        outputSequence: 0,
        isValidated,
      }),
    );
  }

  async #serve(session: Session, hello: Hello): Promise<void> {
    const { store, clock, random, log, sessions } = this.#options;
    const unguessable = Buffer.from(random.bytes(TICKET_BYTES)).toString('hex');
    const ticket = ticketOf({ issuedMs: clock.nowMs(), random: unguessable });
    const opening = {
      instanceId: session.instanceId,
      counter: hello.counter,
      ticket: hello.ticket,
      newTicket: ticket,
      slots: {
        agent: { version: hello.version, digest: hello.digest },
        launcher:
          hello.launcherVersion === ''
            ? null
            : { version: hello.launcherVersion, digest: hello.launcherDigest },
      },
      capabilities: hello.capabilities,
      bootId: hello.bootId,
      commandNonce: hello.commandNonce,
      seen: { generation: hello.generationSeen, position: hello.positionSeen },
      nowMs: clock.nowMs(),
    };
    const opened = await this.#admission.count(session, clock.monotonicMs(), () =>
      store.write('openSession', opening),
    );
    // One commit opens many sessions, and its answers come together.
    await this.#options.turns.take();
    const refusal = refusalOf(opened);
    if (refusal !== null) {
      if (refusal === 'quarantined') {
        log.warn('quarantined: two hosts show one identity', { agent: session.agentName });
        sessions.of(session.instanceId)?.close('quarantined');
      }
      return session.close(refusal);
    }
    if (opened.kind === 'welcome' && opened.hasNoticed) {
      log.error('this coordinator was restored from an earlier state: everything holds', {
        agent: session.agentName,
      });
      this.#options.onNoticed();
    }
    if (opened.kind !== 'welcome' || session.phase === 'closed') return;
    this.#goLive(session, { ticket, opened });
  }

  #goLive(
    session: Session,
    of: { readonly ticket: string; readonly opened: Extract<SessionOpened, { kind: 'welcome' }> },
  ): void {
    const { opened } = of;
    session.goLive();
    session.canCleanUp = session.hello?.capabilities.includes('cleanup') ?? false;
    // A frame can still arrive on the old session; what it says was true, and its end changes nothing here.
    this.#options.sessions.put(session)?.close('replaced');
    session.send(this.#welcome(session, { ...opened, ticket: of.ticket }));
    const { attestation } = opened;
    if (attestation.kind === 'unknown') session.unknownNonce = session.hello?.commandNonce ?? '';
    else if (attestation.kind !== 'none') {
      const { commandId, attempt } = attestation;
      const rejected = attestation.kind === 'mismatch' ? attestation.reason : null;
      session.trial = { commandId, attempt, rejected };
      if (rejected !== null) {
        session.send({ kind: 'reject', message: { commandId, attempt, reason: rejected } });
      }
    }
    session.hello = null;
    this.#options.onLive(session);
  }

  #welcome(
    session: Session,
    of: {
      readonly ticket: string;
      readonly generation: number;
      readonly position: number;
      readonly outputEpoch: string;
      readonly outputSequence: number;
      readonly isValidated: boolean;
    },
  ): { readonly kind: 'welcome'; readonly message: CoordinatorMessages['welcome'] } {
    const { ticket, generation, position, outputEpoch, outputSequence, isValidated } = of;
    return {
      kind: 'welcome',
      message: {
        ticket,
        generation,
        position,
        outputEpoch,
        outputSequence,
        isValidated,
        nowMs: this.#options.clock.nowMs(),
        version: this.#options.version,
        capabilities: CAPABILITIES,
        pingMs: PING_MS,
        protocolMinor: PROTOCOL_MINOR,
        agentName: session.agentName,
      },
    };
  }
}

function refusalOf(opened: SessionOpened): CloseReasonName | null {
  return opened.kind === 'welcome' ? null : opened.kind;
}

const PURPOSES: readonly SessionPurpose[] = ['serve', 'probe', 'rehearsal'];

function isPurpose(text: string): text is SessionPurpose {
  return (PURPOSES as readonly string[]).includes(text);
}

/** What goes into tables and texts has the shape that it must have. */
function isSane(hello: Hello): boolean {
  const isSlot = (version: string, digest: string) =>
    isVersion(version) && (digest === '' || isSha256(digest));
  return (
    isPurpose(hello.purpose) &&
    isSlot(hello.version, hello.digest) &&
    (hello.launcherVersion === '' || isSlot(hello.launcherVersion, hello.launcherDigest)) &&
    hello.capabilities.length <= CAPABILITIES_MAX &&
    hello.capabilities.every((name) => name.length <= CAPABILITY_CHARACTERS_MAX) &&
    hello.instanceId.length <= 64 &&
    hello.bootId.length <= 128 &&
    hello.generationSeen <= GENERATION_MAX &&
    HEX.test(hello.ticket) &&
    HEX.test(hello.commandNonce)
  );
}

function isProven(of: {
  readonly session: Session;
  readonly hello: Hello;
  readonly instance: InstanceRow;
  readonly signature: Uint8Array;
  readonly channelBinding: string;
}): boolean {
  const { hello } = of;
  if (!isPurpose(hello.purpose)) return false;
  const text = proofText({
    nonce: of.session.nonce,
    instanceId: of.instance.id,
    purpose: hello.purpose,
    version: hello.version,
    digest: hello.digest,
    commandNonce: hello.commandNonce,
    channelBinding: of.channelBinding,
  });
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: of.instance.public_key };
  return verify(
    null,
    Buffer.from(text),
    createPublicKey({ key: jwk, format: 'jwk' }),
    of.signature,
  );
}
