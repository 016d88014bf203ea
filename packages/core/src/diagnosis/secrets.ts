/*
 * What is a secret, and how it stays out of the file that `moult diagnose` makes. Three nets, one behind the other:
 *
 *   places   settings and properties whose value is never shown, whatever it is (DG1)
 *   forms    texts that look like a secret, wherever they stand: in a log line, in a message (DG2)
 *   known    secrets that were found on this machine, looked for in all that goes into the file (DG3, `conceal.ts`)
 *
 * What is in no table is left out: a setting that a later version adds shows its name only until somebody decides.
 */

/** What stands in the place of a secret says which kind it was. */
export const SECRET_KINDS = {
  key: 'private key',
  token: 'token',
  password: 'password',
  proof: 'proof of a session',
  'task-value': 'value of a task',
  output: 'output',
  setting: 'setting',
} as const;

export type SecretKind = keyof typeof SECRET_KINDS;

/** `address`: scheme, host and port; user, path and question of an address are secrets at many a webhook. */
export type Secrecy = 'shown' | 'address' | 'left-out';

export type ConfiguredProgram = 'agent' | 'coordinator';

/** Paths are shown, what lies there is not. */
export const SETTINGS: Readonly<Record<ConfiguredProgram, Readonly<Record<string, Secrecy>>>> = {
  agent: {
    coordinator: 'address',
    name: 'shown',
    instance: 'shown',
    bindsChannel: 'shown',
    drainLimit: 'shown',
    preflight: 'shown',
    proxy: 'address',
    proxyPasswordFile: 'shown',
    outboxBytes: 'shown',
    outboxAge: 'shown',
    labels: 'shown',
    logLevel: 'shown',
  },
  coordinator: {
    listen: 'shown',
    state: 'shown',
    'tls.cert': 'shown',
    'tls.key': 'shown',
    behindProxy: 'shown',
    'output.keepFor': 'shown',
    'output.keepBytes': 'shown',
    'forward.file': 'shown',
    'forward.webhook': 'address',
    'forward.header': 'shown',
    'forward.secretFile': 'shown',
    'tasks.keepFor': 'shown',
    logLevel: 'shown',
  },
};

/** Names of properties that never show their value, in whatever they stand: state, messages, records. */
const PROPERTIES: Readonly<Record<string, SecretKind>> = {
  nonce: 'proof',
  ticket: 'proof',
  channelBinding: 'proof',
  signature: 'proof',
  token: 'token',
  secret: 'token',
  secretHash: 'token',
  secret_hash: 'token',
  authorization: 'token',
  cookie: 'token',
  password: 'password',
  passphrase: 'password',
  privateKey: 'key',
  arguments: 'task-value',
  environment: 'task-value',
  parameters: 'task-value',
  values: 'task-value',
  content: 'output',
};

interface Form {
  readonly kind: SecretKind;
  readonly pattern: RegExp;
  /** What stays of it: `$1` and `$2` of the pattern around the placeholder. */
  readonly before?: string;
  readonly after?: string;
}

const FORMS: readonly Form[] = [
  {
    kind: 'key',
    pattern:
      /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g,
  },
  { kind: 'token', pattern: /\bmoult-[a-z]+-v\d+\.[\w.-]+/g },
  // JSON Web Tokens.
  { kind: 'token', pattern: /\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g },
  {
    kind: 'token',
    pattern: /\b((?:[Bb]earer|[Bb]asic)\s+)(?=\S*[A-Z0-9=])[\w.~+/=-]{6,}/g,
    before: '$1',
  },
  // User and password of an address.
  {
    kind: 'password',
    pattern: /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"'<>]*@/gi,
    before: '$1',
    after: '@',
  },
  {
    kind: 'password',
    pattern:
      /((?:pass(?:word|wd|phrase)|secret|token|credentials?|api[-_]?key|private[-_]?key|authorization|cookie|nonce|ticket)["']?\s*[:=]\s*)(?:"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|[^\s,;&"'}\])]+)/gi,
    before: '$1',
  },
];

export function leftOut(kind: SecretKind): string {
  return `[left out: ${SECRET_KINDS[kind]}]`;
}

/** A text as it may be shown. */
export function shownText(text: string): string {
  let shown = text;
  for (const { kind, pattern, before = '', after = '' } of FORMS) {
    shown = shown.replace(pattern, `${before}${leftOut(kind)}${after}`);
  }
  return shown;
}

/** Deeper than anything that we keep; a value that goes on is somebody's trap. */
const DEPTH_MAX = 32;

/** Plain data as it may be shown: texts by their forms, properties by their names. */
export function shownValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return shownText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return '[left out: too deep]';
  if (Array.isArray(value)) return value.map((item) => shownValue(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      const kind = Object.hasOwn(PROPERTIES, name) ? PROPERTIES[name] : undefined;
      const isLeftOut = kind !== undefined && field !== null && field !== '';
      return [shownText(name), isLeftOut ? leftOut(kind) : shownValue(field, depth + 1)];
    }),
  );
}

export interface Setting {
  readonly program: ConfiguredProgram;
  /** Dotted: `tls.cert`. */
  readonly name: string;
  readonly value: unknown;
}

/** A setting as it may be shown. */
export function shownSetting(setting: Setting): unknown {
  const { value } = setting;
  switch (secrecyOf(setting)) {
    case 'shown':
      return shownValue(value);
    case 'address':
      return shownAddress(String(value));
    case 'left-out':
      return leftOut('setting');
  }
}

/** Of a path or a question: a word such as `services` is none, and stands everywhere. */
const PIECE_OF_SECRET = /^(?=.*\d).{6}|^.{16}/;

/** What of a setting must not stand elsewhere either, such as in a message about it. */
export function secretsInSetting(setting: Setting): readonly string[] {
  const text = String(setting.value);
  switch (secrecyOf(setting)) {
    case 'shown':
      return [];
    case 'address': {
      const { user, host, rest } = addressParts(text) ?? { user: '', host: '', rest: text };
      const [path = ''] = rest.split(/[?#]/);
      const pieces = rest.split(/[/?&=#]/).filter((piece) => PIECE_OF_SECRET.test(piece));
      // A path alone, such as /moult, would be found in every other one.
      const wholes = rest === '' ? [] : [`${host}${rest}`, `${host}${path}`];
      return [...user.split(':'), user, ...wholes, ...pieces].filter((part) => part !== '');
    }
    case 'left-out':
      return [text];
  }
}

function secrecyOf({ program, name }: Setting): Secrecy {
  const settings = SETTINGS[program];
  // `labels.role` is one of `labels`, whatever it is called.
  const [whole = ''] = name.split('.');
  const key = [name, whole].find((known) => Object.hasOwn(settings, known));
  return (key === undefined ? undefined : settings[key]) ?? 'left-out';
}

/** `https://proxy:3128/[left out: setting]` of an address with a path. */
export function shownAddress(text: string): string {
  const parts = addressParts(text);
  if (parts === null) return leftOut('setting');
  const { scheme, user, host, rest } = parts;
  const shownUser = user === '' ? '' : `${leftOut('password')}@`;
  return `${scheme}://${shownUser}${host}${rest === '' ? '' : `/${leftOut('setting')}`}`;
}

interface AddressParts {
  readonly scheme: string;
  /** `user:password`; empty: there is none. */
  readonly user: string;
  readonly host: string;
  /** Path and question; empty also where there is the root alone. */
  readonly rest: string;
}

function addressParts(text: string): AddressParts | null {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/?#]*)@)?([^/?#@]*)(.*)$/is.exec(text.trim());
  if (match === null) return null;
  const [, scheme = '', user = '', host = '', rest = ''] = match;
  return { scheme, user, host, rest: rest === '/' ? '' : rest };
}

/** Lines of a systemd unit that name secrets, as they may be shown: variables by their names. */
export function shownUnit(text: string): string {
  const lines = text.replaceAll(/\\\r?\n/g, ' ').split('\n');
  return lines
    .map((line) => (CARRIES_VALUES.test(line) ? withoutValues(line) : shownText(line)))
    .join('\n');
}

const CARRIES_VALUES = /^\s*(?:Environment|SetCredential|SetCredentialEncrypted)\s*=/i;

/** Of `Environment="A=1" B=2` the names. */
function withoutValues(line: string): string {
  const [directive = '', ...rest] = line.split('=');
  const names = [...rest.join('=').matchAll(/(?:^|[\s"'])([A-Za-z_][\w.-]*)[=:]/g)].map(
    ([, name]) => `${name}=${leftOut('setting')}`,
  );
  return `${directive.trim()}=${names.length === 0 ? leftOut('setting') : names.join(' ')}`;
}
