/* Secrets that lie on this machine, to be looked for in what is shown. What cannot be read cannot be shown either. */
import { createPrivateKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type ConfiguredProgram, type Secret, secretsInSetting } from '@moult/core/diagnosis';
import { settingsIn } from '../config.ts';

/** An Ed25519 key is the last bytes of its file's. */
const SEED_BYTES = 32;

/** Of a private key in PEM: its lines, its bytes, and the seed within them. */
export async function secretsOfKey(path: string): Promise<readonly Secret[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => !line.startsWith('-----'));
  const secrets: Secret[] = lines.map((value) => ({ kind: 'key', value: value.trim() }));
  const der = derOf(text);
  if (der === null) return secrets;
  const seed = der.subarray(-SEED_BYTES);
  return [...secrets, { kind: 'key', value: der }, { kind: 'key', value: seed }];
}

function derOf(pem: string): Buffer | null {
  try {
    return createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  } catch {
    return null;
  }
}

/** Of a file that holds nothing but a token, or the value of a header. */
export async function secretsOfFile(path: string): Promise<readonly Secret[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const words = text.split(/\s+/).filter((word) => word !== '');
  return [text.trim(), ...words].map((value) => ({ kind: 'token', value }));
}

export async function secretsOfSettings(
  program: ConfiguredProgram,
  path: string,
): Promise<readonly Secret[]> {
  const settings = await settingsIn(path).catch(() => ({}));
  return Object.entries(settings).flatMap(([name, value]) =>
    secretsInSetting({ program, name, value }).map(
      (text): Secret => ({ kind: 'setting', value: text }),
    ),
  );
}

/** Of variables that carry tokens and the passwords of proxies. */
export function secretsOfEnvironment(): readonly Secret[] {
  return Object.entries(process.env).flatMap(([name, value = '']): readonly Secret[] => {
    if (/(token|secret|password|passwd)/i.test(name)) return [{ kind: 'token', value }];
    const user = /^[a-z]+:\/\/([^\s/?#]*)@/i.exec(value)?.[1];
    if (user === undefined) return [];
    return [user, ...user.split(':')].map((text) => ({ kind: 'password', value: text }));
  });
}

/** A value that is a place on this machine stands everywhere in a diagnosis, and is no secret. */
export function isSecretValue(value: string): boolean {
  return !(value.startsWith('/') && existsSync(value));
}
