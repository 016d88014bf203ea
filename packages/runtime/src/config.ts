/*
 * Configuration of our programs: flags before environment before file before default. Each key is declared once;
 * what is not declared is an error that names the likeliest key. `tls.cert` is `tls: {cert: …}` in the file,
 * MOULT_TLS_CERT in the environment and `--tls-cert` as a flag.
 */
import { CodedError } from '@moult/core/errors';
import { isMap, isScalar, LineCounter, parseDocument, type YAMLMap } from 'yaml';
import { readTextIfPresent } from './files.ts';

export type ConfigKey =
  | { readonly kind: 'string'; readonly default: string | null }
  | {
      readonly kind: 'number';
      readonly default: number | null;
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: 'boolean'; readonly default: boolean | null }
  | { readonly kind: 'enum'; readonly values: readonly string[]; readonly default: string | null };

export type ConfigKeys = Readonly<Record<string, ConfigKey>>;

/** A key with a default always has a value; one whose default is null may have none. */
export type ConfigValue<K extends ConfigKey> = K extends { readonly kind: 'enum'; readonly values: readonly (infer V)[] }
  ? V | NullIfAbsent<K>
  : K extends { readonly kind: 'string' }
    ? string | NullIfAbsent<K>
    : K extends { readonly kind: 'number' }
      ? number | NullIfAbsent<K>
      : boolean | NullIfAbsent<K>;

type NullIfAbsent<K extends ConfigKey> = K['default'] extends null ? null : never;

export type Config<K extends ConfigKeys> = { readonly [N in keyof K]: ConfigValue<K[N]> };

export interface ConfigSources<K extends ConfigKeys> {
  readonly keys: K;
  /** Null: no file. One that is named and missing counts as empty. */
  readonly filePath: string | null;
  /** By key name; absent ones were not given. */
  readonly flags: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Looks up one environment variable. */
  readonly environment: (name: string) => string | null;
}

/** Nobody writes a configuration by hand that is longer. */
const FILE_CHARACTERS_MAX = 100_000;
/** Further than this a suggestion confuses. */
const DISTANCE_MAX = 3;

/** Throws `config-invalid`, naming the key and where it stands. */
export async function readConfig<const K extends ConfigKeys>(
  sources: ConfigSources<K>,
): Promise<Config<K>> {
  const { keys } = sources;
  const inFile = await readFile(sources.filePath, keys);
  for (const name of Object.keys(sources.flags)) {
    if (!(name in keys)) throw unknownKey({ name: flagName(name), where: 'flag', keys, show: flagName });
  }
  const values: Record<string, string | number | boolean | null> = {};
  for (const [name, key] of Object.entries(keys)) {
    const flag = sources.flags[name];
    const variable = environmentName(name);
    const fromEnvironment = sources.environment(variable);
    if (flag !== undefined) values[name] = checked(key, flag, flagName(name));
    else if (fromEnvironment !== null) values[name] = checked(key, fromEnvironment, variable);
    else {
      const entry = inFile.get(name);
      values[name] = entry === undefined ? key.default : checked(key, entry.value, entry.where);
    }
  }
  return values as Config<K>;
}

export function environmentName(name: string): string {
  return `MOULT_${words(name).join('_').toUpperCase()}`;
}

export function flagName(name: string): string {
  return `--${words(name).join('-').toLowerCase()}`;
}

function words(name: string): readonly string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1.$2')
    .split('.');
}

interface FileEntry {
  readonly value: unknown;
  readonly where: string;
}

async function readFile(
  path: string | null,
  keys: ConfigKeys,
): Promise<ReadonlyMap<string, FileEntry>> {
  const found = new Map<string, FileEntry>();
  const text = path === null ? null : await readTextIfPresent(path);
  if (path === null || text === null) return found;
  if (text.length > FILE_CHARACTERS_MAX) throw new CodedError('config-invalid', `${path} is too long`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [fault] = document.errors;
  if (fault !== undefined) {
    throw new CodedError('config-invalid', `${path}: ${fault.message.split('\n')[0]}`, { cause: fault });
  }
  if (document.contents === null) return found;
  if (!isMap(document.contents)) throw new CodedError('config-invalid', `${path} is not a list of keys and values`);
  const walk = (map: YAMLMap, prefix: string): void => {
    for (const pair of map.items) {
      if (!isScalar(pair.key)) throw new CodedError('config-invalid', `${path}: a key is not a word`);
      const name = `${prefix}${String(pair.key.value)}`;
      const where = `${path}:${lines.linePos(pair.key.range?.[0] ?? 0).line} ${name}`;
      if (isMap(pair.value) && Object.keys(keys).some((key) => key.startsWith(`${name}.`))) {
        walk(pair.value, `${name}.`);
        continue;
      }
      if (!(name in keys)) throw unknownKey({ name, where, keys, show: (key) => key });
      found.set(name, { value: isScalar(pair.value) ? pair.value.value : pair.value, where });
    }
  };
  walk(document.contents, '');
  return found;
}

function checked(key: ConfigKey, value: unknown, where: string): string | number | boolean {
  switch (key.kind) {
    case 'string':
      if (typeof value === 'string' && value !== '') return value;
      if (typeof value === 'number') return String(value);
      throw new CodedError('config-invalid', `${where}: a text is wanted`);
    case 'number': {
      const number = typeof value === 'string' && value !== '' ? Number(value) : value;
      if (typeof number === 'number' && Number.isFinite(number) && number >= key.min && number <= key.max) {
        return number;
      }
      throw new CodedError('config-invalid', `${where}: a number from ${key.min} to ${key.max} is wanted`);
    }
    case 'boolean':
      if (typeof value === 'boolean') return value;
      if (value === 'true' || value === '1') return true;
      if (value === 'false' || value === '0') return false;
      throw new CodedError('config-invalid', `${where}: true or false is wanted`);
    case 'enum':
      if (typeof value === 'string' && key.values.includes(value)) return value;
      throw new CodedError('config-invalid', `${where}: one of ${key.values.join(', ')} is wanted`);
  }
}

function unknownKey(of: {
  readonly name: string;
  readonly where: string;
  readonly keys: ConfigKeys;
  readonly show: (key: string) => string;
}): CodedError {
  const near = Object.keys(of.keys)
    .map((key) => ({ key: of.show(key), distance: distanceOf(of.show(key), of.name) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const hint = near !== undefined && near.distance <= DISTANCE_MAX ? `; did you mean ${near.key}?` : '';
  return new CodedError('config-invalid', `${of.where}: there is no key ${of.name}${hint}`);
}

/** Levenshtein's. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
