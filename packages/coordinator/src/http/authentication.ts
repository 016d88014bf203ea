import { CodedError } from '@moult/core/errors';
import { mayDo, type Permission, type Role, rolesWith } from '@moult/core/permission';
import type { Clock } from '@moult/runtime/clock';
import type { Store } from '@moult/store';
import { isSecret, parseAccessToken } from './tokens.ts';

export interface Caller {
  readonly principal: string;
  readonly role: Role;
}

/** Failed tries of one address within the window; good tokens are never counted, nor refused for others' failures. */
const FAILURES_MAX = 30;
const WINDOW_MS = 60_000;
/** Addresses remembered; beyond, the oldest is forgotten: memory is bounded, secrets cannot be guessed anyway. */
const ADDRESSES_MAX = 10_000;

export class Authentication {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #failures = new Map<string, { count: number; readonly sinceMs: number }>();

  constructor(options: { readonly store: Store; readonly clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  /** Throws `unauthenticated`, `permission-denied`, `too-many-failures`. */
  async require(
    permission: Permission,
    of: { readonly authorization: string | undefined; readonly address: string },
  ): Promise<Caller> {
    const caller = await this.#callerOf(of.authorization);
    if (caller === null) throw this.failed(of.address, noToken());
    if (mayDo(caller.role, permission)) return caller;
    throw permissionDenied(caller, permission);
  }

  /** Counts a failure of this address; gives what to answer. */
  failed(address: string, error: CodedError): CodedError {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#failures.get(address);
    const isCurrent = known !== undefined && nowMs - known.sinceMs < WINDOW_MS;
    const entry = isCurrent ? known : { count: 0, sinceMs: nowMs };
    entry.count += 1;
    this.#failures.delete(address);
    this.#failures.set(address, entry);
    if (this.#failures.size > ADDRESSES_MAX) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    if (entry.count <= FAILURES_MAX) return error;
    return new CodedError(
      'too-many-failures',
      `${address} failed ${entry.count} times within a minute`,
    );
  }

  async #callerOf(authorization: string | undefined): Promise<Caller | null> {
    const [scheme, text = ''] = (authorization ?? '').split(' ');
    if (scheme?.toLowerCase() !== 'bearer') return null;
    const shown = parseAccessToken(text);
    if (shown === null) return null;
    const token = await this.#store.read('tokenById', shown.id);
    if (token === null || token.kind !== 'access' || token.role === null) return null;
    if (!isSecret(shown.secret, token.secret_hash)) return null;
    const nowMs = this.#clock.nowMs();
    if (token.revoked_ms !== null || (token.expires_ms !== null && token.expires_ms <= nowMs)) {
      return null;
    }
    return { principal: token.principal, role: token.role };
  }
}

/** Says which roles would do: who asks is to know what to ask for. */
export function permissionDenied(caller: Caller, permission: Permission): CodedError {
  const { principal, role } = caller;
  const roles = rolesWith(permission).join(', ');
  return new CodedError('permission-denied', `${principal} (${role}) may not ${permission}`, {
    remedy: `Roles that may: ${roles}. An administrator gives one: \`moult principals role ${principal} ROLE\`.`,
  });
}

function noToken(): CodedError {
  return new CodedError('unauthenticated', 'no valid token came with the request');
}
