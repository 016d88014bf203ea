import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CodedError } from '@moult/core/errors';
import { canonicalJson } from '@moult/core/manifest';
import { codeOf } from '@moult/runtime/files';
import { Key, Signature } from '@tufjs/models';
import { sha256Of } from './digest.ts';

/** An Ed25519 key that signs metadata. */
export interface SigningKey {
  /** sha256 of the public key's canonical JSON, as TUF defines it. */
  readonly keyId: string;
  readonly publicKey: Key;
  readonly sign: (bytes: Uint8Array) => Signature;
}

/** A new private key as PEM (PKCS #8). */
export function generateKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Throws `key-invalid` for anything but an Ed25519 private key; the message never holds the text. */
export function signingKeyOf(pem: string, name: string): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    // The cause is left out: it may quote the key.
    throw new CodedError('key-invalid', `${name} holds no private key`);
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new CodedError('key-invalid', `${name} is not an Ed25519 key`);
  }
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (x === undefined) throw new CodedError('key-invalid', `${name} has no public part`);
  const described = {
    keytype: 'ed25519',
    scheme: 'ed25519',
    keyval: { public: Buffer.from(x, 'base64url').toString('hex') },
  };
  const keyId = sha256Of(canonicalJson(described));
  return {
    keyId,
    publicKey: Key.fromJSON(keyId, described),
    sign: (bytes) =>
      new Signature({ keyID: keyId, sig: sign(null, bytes, privateKey).toString('hex') }),
  };
}

/** Throws `keys-missing` when the file is not there. */
export async function loadSigningKey(path: string): Promise<SigningKey> {
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (cause) {
    const code = codeOf(cause) === 'ENOENT' ? 'keys-missing' : 'file-unreadable';
    throw new CodedError(code, `cannot read the key ${path}`, { cause });
  }
  return signingKeyOf(pem, path);
}
