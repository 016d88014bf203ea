/* The Ed25519 key of an instance: <state>/identity.key, PEM (PKCS #8), readable by its owner alone. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { CodedError } from '@moult/core/errors';
import { readTextIfPresent, writeFileDurably } from '@moult/runtime/files';

export interface IdentityKey {
  /** Raw public key, base64url, 32 bytes. */
  readonly publicKey: string;
  sign(text: string): Uint8Array;
}

/** Null: there is none. Throws `identity-unreadable`. */
export async function readIdentityKey(path: string): Promise<IdentityKey | null> {
  const text = await readTextIfPresent(path);
  if (text === null) return null;
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (cause) {
    throw new CodedError('identity-unreadable', `${path} holds no private key`, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new CodedError('identity-unreadable', `${path} holds a key that is not Ed25519`);
  }
  return identityOf(key);
}

/** The key in the file, made and durable if there was none: it must outlive whatever is said with it. */
export async function ensureIdentityKey(path: string): Promise<IdentityKey> {
  const known = await readIdentityKey(path);
  if (known !== null) return known;
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFileDurably(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  return identityOf(privateKey);
}

function identityOf(key: KeyObject): IdentityKey {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  if (x === undefined) throw new CodedError('identity-unreadable', 'the key has no public part');
  return { publicKey: x, sign: (text) => sign(null, Buffer.from(text, 'utf8'), key) };
}
