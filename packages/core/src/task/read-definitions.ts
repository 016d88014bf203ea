/* The owner's file as plain data → definitions, or everything that is wrong with it, each with its place. */
import { isName } from '../name.ts';
import { nearestOf } from '../nearest.ts';
import {
  CONCURRENCY_MAX,
  PARAMETERS_MAX,
  TASK_DEFAULTS,
  TASKS_MAX,
  type TaskDefinition,
  type TaskParameter,
  type TaskSchedule,
} from './definition.ts';
import { byteCountOf, durationMsOf } from './quantities.ts';
import { placeholdersIn } from './template.ts';

export type ReadDefinitions =
  | { readonly kind: 'read'; readonly tasks: ReadonlyMap<string, TaskDefinition> }
  | { readonly kind: 'invalid'; readonly troubles: readonly string[] };

const TASK_KEYS = [
  'description',
  'program',
  'arguments',
  'parameters',
  'environment',
  'time-limit',
  'concurrency',
  'output-limit',
  'idempotent',
  'schedule',
  'time-zone',
] as const;
const PARAMETER_KEYS = [
  'kind',
  'pattern',
  'max-length',
  'min',
  'max',
  'values',
  'default',
] as const;
const PARAMETER_KINDS = ['text', 'integer', 'choice'] as const;
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const TIME_LIMIT_MS = { least: 1_000, most: 30 * 86_400_000 } as const;
const OUTPUT_BYTES_MAX = 1_073_741_824;

/** `value`: the parsed file, `{ tasks: { NAME: {…} } }`; null or undefined: an empty one. Never throws. */
export function readDefinitions(value: unknown): ReadDefinitions {
  const reader = new Reader();
  const tasks = reader.read(value ?? {});
  return reader.troubles.length === 0
    ? { kind: 'read', tasks }
    : { kind: 'invalid', troubles: reader.troubles };
}

type Fields = Readonly<Record<string, unknown>>;

class Reader {
  readonly troubles: string[] = [];

  read(value: unknown): ReadonlyMap<string, TaskDefinition> {
    const tasks = new Map<string, TaskDefinition>();
    const file = this.#fields('the file', value, ['tasks']);
    const entries = Object.entries(this.#map('tasks', file['tasks'] ?? {}));
    if (entries.length > TASKS_MAX) this.#say('tasks', `more than ${TASKS_MAX} tasks`);
    for (const [name, entry] of entries.slice(0, TASKS_MAX)) {
      const place = `tasks.${name}`;
      if (!isName(name))
        this.#say(place, 'a name has letters, digits, dots, dashes and underscores');
      tasks.set(name, this.#task(name, place, this.#fields(place, entry, TASK_KEYS)));
    }
    return tasks;
  }

  #task(name: string, place: string, fields: Fields): TaskDefinition {
    const of = (key: string) => `${place}.${key}`;
    const parameters = this.#parameters(of('parameters'), fields['parameters'] ?? {});
    const args = this.#list(of('arguments'), fields['arguments'] ?? []);
    for (const argument of args) this.#placeholders(of('arguments'), argument, parameters);
    const idempotent = fields['idempotent'] ?? false;
    if (typeof idempotent !== 'boolean') this.#say(of('idempotent'), 'must be true or false');
    return {
      name,
      description: this.#text(of('description'), fields['description'] ?? ''),
      program: this.#program(of('program'), fields['program']),
      arguments: args,
      parameters,
      environment: this.#environment(of('environment'), fields['environment'] ?? {}),
      timeLimitMs: this.#quantity(of('time-limit'), fields['time-limit'], {
        read: durationMsOf,
        usual: TASK_DEFAULTS.timeLimitMs,
        ...TIME_LIMIT_MS,
        shape: 'a time such as 90s, 10m or 2h, of 1s to 30d',
      }),
      concurrency: this.#quantity(of('concurrency'), fields['concurrency'], {
        read: (text) => (/^\d+$/.test(text) ? Number(text) : null),
        usual: TASK_DEFAULTS.concurrency,
        least: 1,
        most: CONCURRENCY_MAX,
        shape: `a whole number of 1 to ${CONCURRENCY_MAX}`,
      }),
      outputBytesMax: this.#quantity(of('output-limit'), fields['output-limit'], {
        read: byteCountOf,
        usual: TASK_DEFAULTS.outputBytesMax,
        least: 0,
        most: OUTPUT_BYTES_MAX,
        shape: 'a size such as 64KiB, 16MiB or 1GiB, of 1GiB at most',
      }),
      isIdempotent: idempotent === true,
      schedule: this.#schedule(place, fields, parameters),
    };
  }

  #program(place: string, value: unknown): string {
    const text = this.#text(place, value ?? '');
    if (!text.startsWith('/')) this.#say(place, 'must be an absolute path of a program');
    return text;
  }

  #schedule(
    place: string,
    fields: Fields,
    parameters: Readonly<Record<string, TaskParameter>>,
  ): TaskSchedule | null {
    const zone = this.#text(`${place}.time-zone`, fields['time-zone'] ?? 'UTC');
    if (fields['schedule'] === undefined) {
      if (fields['time-zone'] !== undefined)
        this.#say(`${place}.time-zone`, 'there is no schedule');
      return null;
    }
    const cron = this.#text(`${place}.schedule`, fields['schedule']);
    const count = cron.trim().split(/\s+/).length;
    if (count !== 5 && count !== 6) {
      this.#say(
        `${place}.schedule`,
        'a cron expression has five fields, or six with seconds first',
      );
    }
    for (const [name, parameter] of Object.entries(parameters)) {
      if (parameter.default === null)
        this.#say(`${place}.parameters.${name}`, 'needs a default: a schedule gives no values');
    }
    return { cron, timeZone: zone };
  }

  #parameters(place: string, value: unknown): Readonly<Record<string, TaskParameter>> {
    const entries = Object.entries(this.#map(place, value));
    if (entries.length > PARAMETERS_MAX) this.#say(place, `more than ${PARAMETERS_MAX} parameters`);
    const read: Record<string, TaskParameter> = {};
    for (const [name, entry] of entries.slice(0, PARAMETERS_MAX)) {
      const at = `${place}.${name}`;
      if (!isName(name)) this.#say(at, 'a name has letters, digits, dots, dashes and underscores');
      const parameter = this.#parameter(at, this.#fields(at, entry ?? {}, PARAMETER_KEYS));
      if (parameter !== null) read[name] = parameter;
    }
    return read;
  }

  #parameter(place: string, fields: Fields): TaskParameter | null {
    const kind = String(fields['kind'] ?? 'text');
    const given = fields['default'];
    const usual = given === undefined ? null : this.#text(`${place}.default`, given);
    switch (kind) {
      case 'text':
        return this.#checked(place, {
          kind: 'text',
          pattern: this.#pattern(`${place}.pattern`, fields['pattern']),
          lengthMax: this.#whole(
            `${place}.max-length`,
            fields['max-length'],
            TASK_DEFAULTS.textLengthMax,
          ),
          default: usual,
        });
      case 'integer':
        return this.#checked(place, {
          kind: 'integer',
          least: this.#whole(`${place}.min`, fields['min'], Number.MIN_SAFE_INTEGER),
          most: this.#whole(`${place}.max`, fields['max'], Number.MAX_SAFE_INTEGER),
          default: usual,
        });
      case 'choice': {
        const values = this.#list(`${place}.values`, fields['values'] ?? []);
        if (values.length === 0) this.#say(`${place}.values`, 'names no value to choose from');
        return this.#checked(place, { kind: 'choice', values, default: usual });
      }
      default:
        this.#say(`${place}.kind`, `must be one of ${PARAMETER_KINDS.join(', ')}`);
        return null;
    }
  }

  #checked(place: string, parameter: TaskParameter): TaskParameter {
    const trouble = parameter.default === null ? null : valueTrouble(parameter, parameter.default);
    if (trouble !== null) this.#say(`${place}.default`, trouble);
    return parameter;
  }

  #pattern(place: string, value: unknown): string | null {
    if (value === undefined) return null;
    const pattern = this.#text(place, value);
    if (patternOf(pattern) === null) this.#say(place, 'is not a regular expression');
    return pattern;
  }

  #placeholders(
    place: string,
    argument: string,
    parameters: Readonly<Record<string, TaskParameter>>,
  ): void {
    const names = placeholdersIn(argument);
    if (names === null)
      this.#say(place, `${JSON.stringify(argument)} has a brace without its other`);
    for (const name of names ?? []) {
      if (!Object.hasOwn(parameters, name))
        this.#say(place, `{${name}} is no parameter of this task`);
    }
  }

  #environment(place: string, value: unknown): Readonly<Record<string, string>> {
    const read: Record<string, string> = {};
    for (const [name, entry] of Object.entries(this.#map(place, value))) {
      if (!ENVIRONMENT_NAME.test(name)) this.#say(`${place}.${name}`, 'is no name of a variable');
      read[name] = this.#text(`${place}.${name}`, entry);
    }
    return read;
  }

  #quantity(
    place: string,
    value: unknown,
    of: {
      readonly read: (text: string) => number | null;
      readonly usual: number;
      readonly least: number;
      readonly most: number;
      readonly shape: string;
    },
  ): number {
    if (value === undefined) return of.usual;
    const read =
      typeof value === 'number' || typeof value === 'string' ? of.read(String(value)) : null;
    if (read !== null && read >= of.least && read <= of.most) return read;
    this.#say(place, `must be ${of.shape}`);
    return of.usual;
  }

  #whole(place: string, value: unknown, usual: number): number {
    if (value === undefined) return usual;
    if (Number.isSafeInteger(value)) return Number(value);
    this.#say(place, 'must be a whole number');
    return usual;
  }

  #list(place: string, value: unknown): readonly string[] {
    if (Array.isArray(value))
      return value.map((entry, index) => this.#text(`${place}[${index}]`, entry));
    this.#say(place, 'must be a list');
    return [];
  }

  /** Numbers and switches are written without quotes often enough. */
  #text(place: string, value: unknown): string {
    const isPlain = ['string', 'number', 'boolean'].includes(typeof value);
    const text = isPlain ? String(value) : '';
    if (!isPlain) this.#say(place, 'must be a text');
    if (text.includes('\0')) this.#say(place, 'has a NUL');
    return text;
  }

  #fields(place: string, value: unknown, known: readonly string[]): Fields {
    const fields = this.#map(place, value);
    for (const key of Object.keys(fields)) {
      if (known.includes(key)) continue;
      const near = nearestOf(key, known);
      this.#say(place, `${key} is unknown${near === null ? '' : `; did you mean ${near}?`}`);
    }
    return fields;
  }

  #map(place: string, value: unknown): Fields {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Fields;
    this.#say(place, 'must be a map');
    return {};
  }

  #say(place: string, trouble: string): void {
    this.troubles.push(`${place}: ${trouble}`);
  }
}

/** Why a value is none for a parameter; null: it is one. */
export function valueTrouble(parameter: TaskParameter, value: string): string | null {
  if (CONTROL_CHARACTER.test(value)) return 'has a control character';
  switch (parameter.kind) {
    case 'text': {
      if (value.length > parameter.lengthMax)
        return `is longer than ${parameter.lengthMax} characters`;
      const pattern = parameter.pattern === null ? null : patternOf(parameter.pattern);
      return pattern === null || pattern.test(value) ? null : `does not match ${parameter.pattern}`;
    }
    case 'integer': {
      const { least, most } = parameter;
      const number = Number(value);
      if (!INTEGER.test(value) || !Number.isSafeInteger(number)) return 'is not a whole number';
      return number < least || number > most ? `is not within ${least} to ${most}` : null;
    }
    case 'choice':
      return parameter.values.includes(value) ? null : `is none of ${parameter.values.join(', ')}`;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL_CHARACTER = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const INTEGER = /^-?(0|[1-9]\d*)$/;

/** All of a value must match. Null: no regular expression. */
function patternOf(source: string): RegExp | null {
  try {
    return new RegExp(`^(?:${source})$`, 'u');
  } catch {
    return null;
  }
}
