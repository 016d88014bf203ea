/* How long output is kept, and where it is handed on: as coordinator.yaml says. */
import { isAbsolute } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { byteCountOf, durationMsOf } from '@moult/core/task';

export interface OutputSettings {
  readonly keepMs: number;
  /** Of one agent. */
  readonly keepBytes: number;
  readonly keepRunsMs: number;
  readonly forwards: readonly ForwardSettings[];
}

export type ForwardSettings =
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'webhook';
      readonly url: URL;
      /** What the file has is the header's value; null: no header. */
      readonly header: { readonly name: string; readonly secretPath: string } | null;
    };

/** Throws `config-invalid`. */
export function outputSettingsOf(values: Values): OutputSettings {
  return {
    keepMs: durationIn(values, 'output.keepFor'),
    keepBytes: bytesIn(values, 'output.keepBytes'),
    keepRunsMs: durationIn(values, 'tasks.keepFor'),
    forwards: [...fileIn(values), ...webhookIn(values)],
  };
}

type Keys =
  | 'output.keepFor'
  | 'output.keepBytes'
  | 'tasks.keepFor'
  | 'forward.file'
  | 'forward.webhook'
  | 'forward.header'
  | 'forward.secretFile';
type Values = { readonly [Key in Keys]: string | null };

function fileIn({ 'forward.file': path }: Values): readonly ForwardSettings[] {
  if (path === null) return [];
  if (!isAbsolute(path)) {
    throw new CodedError('config-invalid', `forward.file: ${path} is not an absolute path`);
  }
  return [{ kind: 'file', path }];
}

function webhookIn(values: Values): readonly ForwardSettings[] {
  const { 'forward.webhook': text, 'forward.secretFile': secretPath } = values;
  if (text === null) return [];
  const url = URL.canParse(text) ? new URL(text) : null;
  const isSafe =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname));
  if (url === null || !isSafe || url.username !== '' || url.password !== '') {
    throw new CodedError(
      'config-invalid',
      'forward.webhook: must be an https address (http on loopback alone) without a password',
    );
  }
  if (secretPath !== null && !isAbsolute(secretPath)) {
    throw new CodedError('config-invalid', `forward.secretFile: ${secretPath} is not absolute`);
  }
  const name = values['forward.header'] ?? 'authorization';
  if (!HEADER_NAME.test(name)) {
    throw new CodedError('config-invalid', `forward.header: ${name} is no name of a header`);
  }
  return [{ kind: 'webhook', url, header: secretPath === null ? null : { name, secretPath } }];
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9-]{0,63}$/;

function durationIn(values: Values, key: Keys): number {
  const ms = durationMsOf(values[key] ?? '');
  if (ms !== null && ms > 0) return ms;
  throw new CodedError('config-invalid', `${key}: ${values[key]} is no time such as 12h or 30d`);
}

function bytesIn(values: Values, key: Keys): number {
  const bytes = byteCountOf(values[key] ?? '');
  if (bytes !== null && bytes > 0) return bytes;
  throw new CodedError(
    'config-invalid',
    `${key}: ${values[key]} is no size such as 500MiB or 1GiB`,
  );
}
