/*
 * One reader for the configuration of every program: flags > environment > file > default. Keys are closed lists: an
 * unknown one is an error that names the nearest known one, because a typo that is ignored is a setting that is not set.
 */
import { CodedError } from '@moult/core/errors';
import { nearestOf } from '@moult/core/nearest';
import { parse } from 'yaml';
import { environmentVariable } from './environment.ts';
import { readTextIfPresent } from './files.ts';

export type ConfigKey =
  | {
      readonly kind: 'string';
      readonly default?: string;
      /** Its value is never part of a message. */
      readonly isSecret?: boolean;
    }
  | {
      readonly kind: 'number';
      readonly default?: number;
      readonly min?: number;
      readonly max?: number;
    }
  | { readonly kind: 'boolean'; readonly default?: boolean }
  | { readonly kind: 'enum'; readonly values: readonly string[]; readonly default?: string }
  /** Texts by name: `labels: {role: db}`; from flag and variable as `role=db,zone=eu`. */
  | { readonly kind: 'texts'; readonly default?: Texts };

export type Texts = Readonly<Record<string, string>>;

/** Keys by their dotted name in the file (`tls.cert`); the flag is `--tls-cert`, the variable `MOULT_TLS_CERT`. */
export type ConfigSchema = Readonly<Record<string, ConfigKey>>;

type ValueOf<K extends ConfigKey> = K['kind'] extends 'number'
  ? number
  : K['kind'] extends 'boolean'
    ? boolean
    : K['kind'] extends 'texts'
      ? Texts
      : string;

/** Null: neither given nor defaulted. */
export type ConfigValues<S extends ConfigSchema> = {
  readonly [N in keyof S]: ValueOf<S[N]> | null;
};

export interface ReadConfigOptions<S extends ConfigSchema> {
  readonly schema: S;
  /** YAML; a file that is not there is an empty one. Null: no file. */
  readonly filePath: string | null;
  /** By dotted name, as the command line gave them. */
  readonly flags?: Readonly<Record<string, string | boolean | number | undefined>>;
  /** The process's environment unless given. */
  readonly environment?: (name: string) => string | null;
}

/** Throws `config-invalid`, naming where the value came from, the key, and what is wrong. */
export async function readConfig<S extends ConfigSchema>(
  options: ReadConfigOptions<S>,
): Promise<ConfigValues<S>> {
  const { schema, filePath } = options;
  const environment = options.environment ?? environmentVariable;
  const text = filePath === null ? null : await readTextIfPresent(filePath);
  const fromFile = text === null ? {} : flattened(parseYaml(text, filePath ?? ''), filePath ?? '');
  for (const name of Object.keys(fromFile)) requireKnown(name, schema, filePath ?? '');
  for (const name of Object.keys(options.flags ?? {})) {
    requireKnown(name, schema, 'the command line');
  }
  const values: Record<string, Value | null> = {};
  for (const [name, key] of Object.entries(schema)) {
    const variable = variableOf(name);
    const candidates = [
      { raw: options.flags?.[name] ?? null, where: `--${name.replaceAll('.', '-')}` },
      { raw: environment(variable), where: variable },
      { raw: inFile(key, name, fromFile), where: `${filePath}: ${name}` },
    ];
    const given = candidates.find((candidate) => candidate.raw !== null);
    values[name] =
      given === undefined ? (key.default ?? null) : typedValueOf(key, given.raw, given.where);
  }
  return values as ConfigValues<S>;
}

/** What a configuration file says, by dotted names, known or not. Throws `config-invalid` where it is no list of keys. */
export async function settingsIn(filePath: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readTextIfPresent(filePath);
  return text === null ? {} : flattened(parseYaml(text, filePath), filePath);
}

/** `tls.cert` → `MOULT_TLS_CERT`, `bindsChannel` → `MOULT_BINDS_CHANNEL`. */
export function variableOf(name: string): string {
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll(/[.-]/g, '_');
  return `MOULT_${words.toUpperCase()}`;
}

/** Throws `config-invalid`, naming the file and the first mistake. */
export function parseYaml(text: string, where: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new CodedError('config-invalid', `${where} is not YAML: ${message}`, { cause });
  }
}

function flattened(value: unknown, where: string, prefix = ''): Record<string, unknown> {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new CodedError('config-invalid', `${where} is not a list of keys and values`);
  }
  const flat: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const isNested = typeof field === 'object' && field !== null && !Array.isArray(field);
    if (isNested) Object.assign(flat, flattened(field, where, path));
    else if (field !== null) flat[path] = field;
  }
  return flat;
}

type Value = string | number | boolean | Texts;

/** Null: the file does not say. */
function inFile(key: ConfigKey, name: string, file: Readonly<Record<string, unknown>>): unknown {
  if (key.kind !== 'texts' || Object.hasOwn(file, name)) return file[name] ?? null;
  const texts = Object.entries(file).filter(([path]) => path.startsWith(`${name}.`));
  if (texts.length === 0) return null;
  return Object.fromEntries(texts.map(([path, text]) => [path.slice(name.length + 1), text]));
}

function requireKnown(name: string, schema: ConfigSchema, where: string): void {
  if (Object.hasOwn(schema, name)) return;
  const [first = ''] = name.split('.');
  if (Object.hasOwn(schema, first) && schema[first]?.kind === 'texts') return;
  const nearest = nearestOf(name, Object.keys(schema));
  const hint =
    nearest === null ? `known are ${Object.keys(schema).join(', ')}` : `did you mean ${nearest}?`;
  throw new CodedError('config-invalid', `${where}: unknown key ${name}; ${hint}`);
}

function typedValueOf(key: ConfigKey, raw: unknown, where: string): Value {
  switch (key.kind) {
    case 'string':
      if (typeof raw === 'string' || typeof raw === 'number') return String(raw);
      return invalid(where, 'a text', key.isSecret === true ? '(kept secret)' : raw);
    case 'number': {
      const value = typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : raw;
      const min = key.min ?? Number.NEGATIVE_INFINITY;
      const max = key.max ?? Number.POSITIVE_INFINITY;
      if (typeof value === 'number' && value >= min && value <= max) return value;
      return invalid(
        where,
        `a number${Number.isFinite(min) ? ` from ${min}` : ''}${Number.isFinite(max) ? ` to ${max}` : ''}`,
        raw,
      );
    }
    case 'boolean':
      if (raw === true || raw === 'true') return true;
      if (raw === false || raw === 'false') return false;
      return invalid(where, 'true or false', raw);
    case 'enum': {
      if (typeof raw === 'string' && key.values.includes(raw)) return raw;
      const nearest = typeof raw === 'string' ? nearestOf(raw, key.values) : null;
      const hint = nearest === null ? '' : `; did you mean ${nearest}?`;
      return invalid(where, `one of ${key.values.join(', ')}`, raw, hint);
    }
    case 'texts':
      return textsIn(raw, where);
  }
}

const TEXT_OF = /^([^=]+)=(.*)$/;

function textsIn(raw: unknown, where: string): Texts {
  const wanted = 'names and texts, such as role: db';
  if (typeof raw === 'string') {
    const pairs = raw.split(',').map((pair) => TEXT_OF.exec(pair.trim()));
    return Object.fromEntries(
      pairs.map((pair) => [pair?.[1] ?? invalid(where, 'such as role=db,zone=eu', raw), pair?.[2]]),
    ) as Texts;
  }
  if (typeof raw !== 'object' || raw === null) return invalid(where, wanted, raw);
  for (const [name, text] of Object.entries(raw)) {
    if (Array.isArray(text)) return invalid(`${where}.${name}`, 'a text', text);
  }
  return Object.fromEntries(Object.entries(raw).map(([name, text]) => [name, String(text)]));
}

function invalid(where: string, wanted: string, raw: unknown, hint = ''): never {
  throw new CodedError(
    'config-invalid',
    `${where} must be ${wanted}, not ${JSON.stringify(raw)}${hint}`,
  );
}
