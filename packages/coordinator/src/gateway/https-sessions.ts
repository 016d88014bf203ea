/*
 * The sessions over HTTPS that are open, by their ids. A request belongs to one when it shows the HMAC, by the secret
 * that was given when it was opened, of the connection that it came on (S3).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { CodedError } from '@moult/core/errors';
import { requestText } from '@moult/core/identity';
import { HTTPS_SESSION_SCHEME } from '@moult/protocol';
import type { SessionOpener } from './carrier.ts';
import { HttpsCarrier } from './https-carrier.ts';

/** Each keeps a request waiting, thus a socket: a way for those who have no other, not for a whole fleet. */
const SESSIONS_MAX = 2_000;
/** Of these without a proof; the handshake's deadline ends each within 10 s. */
const UNPROVEN_MAX = 400;
const ID_BYTES = 16;
const SECRET_BYTES = 32;

interface Open {
  readonly secret: Buffer;
  readonly carrier: HttpsCarrier;
  /** Null until its first request: whether requests show the connection that they came on. */
  isBound: boolean | null;
  session: { readonly wasLive: boolean } | null;
}

export interface OpenedOverHttps {
  /** Hex. */
  readonly id: string;
  readonly secret: string;
}

export class HttpsSessions {
  readonly #opener: SessionOpener;
  readonly #open = new Map<string, Open>();

  constructor(opener: SessionOpener) {
    this.#opener = opener;
  }

  /** Throws `too-many-sessions`, `shutting-down`. */
  open(channelBinding: string): OpenedOverHttps {
    const { random, clock, wheel } = this.#opener;
    if (!this.#opener.isOpen) {
      throw new CodedError('shutting-down', 'the coordinator is stopping');
    }
    this.#requireRoom();
    const id = Buffer.from(random.bytes(ID_BYTES)).toString('hex');
    const secret = Buffer.from(random.bytes(SECRET_BYTES));
    const carrier = new HttpsCarrier({
      clock,
      wheel,
      // S4: a session some of whose requests came on unknown connections is bound to none.
      binding: () => (open.isBound === true ? channelBinding : ''),
      onEnded: () => this.#open.delete(id),
    });
    const open: Open = { secret, carrier, isBound: null, session: null };
    this.#open.set(id, open);
    open.session = this.#opener.open(carrier);
    return { id, secret: secret.toString('hex') };
  }

  /** The carrier that a request belongs to; null: none. */
  of(shown: {
    readonly authorization: string | undefined;
    readonly channelBinding: string;
  }): HttpsCarrier | null {
    const [scheme, text = ''] = (shown.authorization ?? '').split(' ');
    if (scheme !== HTTPS_SESSION_SCHEME) return null;
    const [id = '', mac = ''] = text.split('.');
    const open = this.#open.get(id);
    if (open === undefined) return null;
    const isBound = shown.channelBinding !== '' && isMac(open.secret, shown.channelBinding, mac);
    if (!isBound && !isMac(open.secret, '', mac)) return null;
    open.isBound ??= isBound;
    return open.isBound === isBound ? open.carrier : null;
  }

  #requireRoom(): void {
    const all = [...this.#open.values()];
    const unproven = all.filter(({ session }) => session?.wasLive !== true).length;
    if (all.length >= SESSIONS_MAX || unproven >= UNPROVEN_MAX) {
      throw new CodedError(
        'too-many-sessions',
        `${all.length} sessions over HTTPS are open, ${unproven} without a proof`,
      );
    }
  }
}

function isMac(secret: Buffer, channelBinding: string, shown: string): boolean {
  const mac = createHmac('sha256', secret).update(requestText(channelBinding)).digest();
  const given = Buffer.from(shown, 'hex');
  return given.length === mac.length && timingSafeEqual(given, mac);
}
