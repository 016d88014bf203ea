/*
 * Identity of an instance: an Ed25519 key, and a counter that finds clones. Each serve session raises the counter
 * (durably, before `hello`) and shows the ticket that the last welcome gave. A copy of a state directory shows
 * a counter that the original has left behind, with a ticket whose successor was used.
 */

/** Why a session is opened. Only `serve` has counter, state and commands. */
export type SessionPurpose = 'serve' | 'probe' | 'rehearsal';

export interface SessionRecord {
  readonly counter: number;
  /** Ticket given by the last welcome, hex; empty before the first. */
  readonly ticket: string;
  /** The one before: good until its successor was used, since the welcome that carried it may have been lost. */
  readonly previousTicket: string;
}

/** `lost`: this store gave a ticket that it does not know any more: it was put back. */
export type SessionVerdict = 'welcome' | 'clone' | 'lost';

const ISSUED_DIGITS = 12;
const TICKET = /^[0-9a-f]{44}$/;

/** Hex: when it was issued, in ms, then `random`, 16 bytes in hex. Hosts give it back as it is. */
export function ticketOf(of: { readonly issuedMs: number; readonly random: string }): string {
  const issued = Math.max(0, of.issuedMs).toString(16).padStart(ISSUED_DIGITS, '0');
  return issued.slice(-ISSUED_DIGITS) + of.random;
}

/** 0: it does not say, as before tickets did. */
function issuedMsOf(ticket: string): number {
  return TICKET.test(ticket) ? Number.parseInt(ticket.slice(0, ISSUED_DIGITS), 16) : 0;
}

/**
 * Decides about a `hello` of an enrolled instance from what the last session left. A copy shows what was used up, which
 * is older than what is known; a ticket that is newer was given by a life of the store that is lost (RS3).
 */
export function judgeSession(
  known: SessionRecord,
  shown: { readonly counter: number; readonly ticket: string },
): SessionVerdict {
  if (shown.counter <= known.counter) return 'clone';
  const isTicketGood = shown.ticket === known.ticket || shown.ticket === known.previousTicket;
  if (isTicketGood) return 'welcome';
  return issuedMsOf(shown.ticket) > issuedMsOf(known.ticket) ? 'lost' : 'clone';
}

/** The record after a welcome: a session that shows the current ticket uses it up, and its predecessor with it. */
export function sessionAfter(
  shown: { readonly counter: number; readonly ticket: string },
  newTicket: string,
): SessionRecord {
  return { counter: shown.counter, ticket: newTicket, previousTicket: shown.ticket };
}

export interface Proof {
  /** Nonce of the coordinator's challenge, hex. */
  readonly nonce: string;
  readonly instanceId: string;
  readonly purpose: SessionPurpose;
  readonly version: string;
  /** Digest of the slot that the process runs from. */
  readonly digest: string;
  /** Nonce of the command under trial, hex; empty when none is. */
  readonly commandNonce: string;
  /** TLS exporter value, hex, where the binding was fixed at enrollment; empty otherwise. */
  readonly channelBinding: string;
}

const PROOF_DOMAIN = 'moult.v1.prove';
const REQUEST_DOMAIN = 'moult.v1.https';

/**
 * The text whose UTF-8 bytes `prove` signs. A JSON list of texts is unambiguous: no field can run into the next. Frozen.
 */
export function proofText(proof: Proof): string {
  return JSON.stringify([
    PROOF_DOMAIN,
    proof.nonce,
    proof.instanceId,
    proof.purpose,
    proof.version,
    proof.digest,
    proof.commandNonce,
    proof.channelBinding,
  ]);
}

/**
 * The text that each request of a session over HTTPS shows the HMAC-SHA256 of, by the session's secret. With the
 * exporter value of the connection that it travels on, where the binding was fixed at enrollment, it is good on that
 * connection and on no other; else the value is empty. Frozen.
 */
export function requestText(channelBinding: string): string {
  return JSON.stringify([REQUEST_DOMAIN, channelBinding]);
}
