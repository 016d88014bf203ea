/* How long output is kept, and where it is handed on: as coordinator.yaml says. */
import { CodedError } from '@moult/core/errors';
import { byteCountOf, durationMsOf } from '@moult/core/task';

export interface OutputSettings {
  readonly keepMs: number;
  /** Of one agent. */
  readonly keepBytes: number;
  readonly keepRunsMs: number;
}

/** Throws `config-invalid`. */
export function outputSettingsOf(values: Values): OutputSettings {
  return {
    keepMs: durationIn(values, 'output.keepFor'),
    keepBytes: bytesIn(values, 'output.keepBytes'),
    keepRunsMs: durationIn(values, 'tasks.keepFor'),
  };
}

type Keys = 'output.keepFor' | 'output.keepBytes' | 'tasks.keepFor';
type Values = { readonly [Key in Keys]: string | null };

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
