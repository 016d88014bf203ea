/* The text of an enrollment token: `moult-enroll-v1.<base64url of canonical JSON>`. Frozen. */
import { CodedError } from '@moult/core/errors';
import { canonicalJson, isSha256 } from '@moult/core/manifest';

export interface EnrollmentToken {
  readonly id: string;
  readonly secret: string;
  /** Of the newest TUF root's bytes. */
  readonly rootSha256: string;
  /** Of the CA certificate (DER); null: the coordinator has none of its own. */
  readonly caSha256: string | null;
}

const PREFIX = 'moult-enroll-v1.';
const TEXT_LENGTH_MAX = 500;

export function encodeEnrollmentToken(token: EnrollmentToken): string {
  return `${PREFIX}${Buffer.from(canonicalJson(token)).toString('base64url')}`;
}

/** Throws `enrollment-token-invalid`. The text itself never enters a message: it is a secret. */
export function decodeEnrollmentToken(text: string): EnrollmentToken {
  const trimmed = text.trim();
  if (trimmed.length > TEXT_LENGTH_MAX || !trimmed.startsWith(PREFIX)) {
    throw new CodedError('enrollment-token-invalid', `a token begins with ${PREFIX}`);
  }
  const fields = fieldsOf(trimmed.slice(PREFIX.length));
  const { id, secret, rootSha256, caSha256 } = fields ?? {};
  if (
    typeof id !== 'string' ||
    typeof secret !== 'string' ||
    typeof rootSha256 !== 'string' ||
    !isSha256(rootSha256) ||
    !(caSha256 === null || (typeof caSha256 === 'string' && isSha256(caSha256)))
  ) {
    throw new CodedError('enrollment-token-invalid', 'the token is cut off or was changed');
  }
  return { id, secret, rootSha256, caSha256 };
}

function fieldsOf(encoded: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
    if (typeof value !== 'object' || value === null) return null;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    return null;
  }
}
