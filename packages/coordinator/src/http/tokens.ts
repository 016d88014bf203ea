/* The texts of tokens. The database has hashes only; the text is shown once. Frozen formats. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from '@moult/core/manifest';
import type { Random } from '@moult/runtime/random';

const ACCESS_PREFIX = 'moult-access-v1';
const ENROLLMENT_PREFIX = 'moult-enroll-v1';
const SECRET_BYTES = 32;
const PART = /^[0-9A-Za-z_-]{1,64}$/;

export interface TokenSecret {
  readonly id: string;
  readonly secret: string;
}

export function newSecret(random: Random): string {
  return Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url');
}

export function secretHashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** In constant time. */
export function isSecret(secret: string, hash: string): boolean {
  const shown = Buffer.from(secretHashOf(secret), 'hex');
  const known = Buffer.from(hash, 'hex');
  return shown.length === known.length && timingSafeEqual(shown, known);
}

export function accessTokenText(token: TokenSecret): string {
  return `${ACCESS_PREFIX}.${token.id}.${token.secret}`;
}

/** Null: not the text of an access token. */
export function parseAccessToken(text: string): TokenSecret | null {
  const [prefix, id = '', secret = '', ...rest] = text.split('.');
  if (prefix !== ACCESS_PREFIX || rest.length > 0 || !PART.test(id) || !PART.test(secret))
    return null;
  return { id, secret };
}

/** Carries what makes the first contact not blind: the hashes of the TUF root and of the CA certificate (DER). */
export function enrollmentTokenText(
  token: TokenSecret & { readonly rootSha256: string; readonly caSha256: string | null },
): string {
  const { id, secret, rootSha256, caSha256 } = token;
  const json = canonicalJson({ id, secret, rootSha256, caSha256 });
  return `${ENROLLMENT_PREFIX}.${Buffer.from(json).toString('base64url')}`;
}

/** Null: not the text of an enrollment token. */
export function parseEnrollmentToken(text: string): TokenSecret | null {
  const [prefix, encoded = '', ...rest] = text.trim().split('.');
  if (prefix !== ENROLLMENT_PREFIX || rest.length > 0) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null) return null;
  const { id, secret } = parsed as Readonly<Record<string, unknown>>;
  if (typeof id !== 'string' || typeof secret !== 'string') return null;
  return PART.test(id) && PART.test(secret) ? { id, secret } : null;
}
