/* The way to the coordinator as the files of this host have it now. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { CodedError } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import { codeOf, readTextIfPresent } from '@moult/runtime/files';
import type { HttpProxy, ReadWay } from '@moult/runtime/way';
import type { ProxySettings } from '../config/proxy-settings.ts';

export function createReadWay(
  layout: Pick<Layout, 'caPath'>,
  settings: ProxySettings | null,
): ReadWay {
  return async () => ({
    ca: await readTextIfPresent(layout.caPath),
    proxy: settings === null ? null : await proxyOf(settings),
  });
}

/** Throws `config-invalid` or `proxy-password-exposed`. */
export async function proxyOf(settings: ProxySettings): Promise<HttpProxy> {
  const { host, port, user, password } = settings;
  if (user === null) return { host, port, authorization: null };
  const text =
    password.kind === 'in-file'
      ? await passwordIn(password.path)
      : password.kind === 'given'
        ? password.password
        : '';
  const pair = Buffer.from(`${user}:${text}`, 'utf8').toString('base64');
  return { host, port, authorization: `Basic ${pair}` };
}

/** Passwords are shorter; a wrong path may be a log. */
const PASSWORD_BYTES_MAX = 1_024;
const BY_OTHERS = 0o007;

async function passwordIn(path: string): Promise<string> {
  let text: string;
  try {
    // Not blocking, so that a pipe at its place cannot hold us.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { mode, size } = await file.stat();
    if ((mode & BY_OTHERS) !== 0) {
      throw new CodedError('proxy-password-exposed', `${path} is open to everybody on this host`);
    }
    if (size > PASSWORD_BYTES_MAX) throw invalid(`${path} has more than one password`);
    text = (await file.readFile('utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw invalid(`proxyPasswordFile ${path} cannot be read (${codeOf(cause) ?? cause})`);
  }
  if (text === '' || /[\r\n]/.test(text)) throw invalid(`${path} is not one line with a password`);
  return text;
}

function invalid(message: string): CodedError {
  return new CodedError('config-invalid', message);
}
