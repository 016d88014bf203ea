import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  Concealer,
  codesIn,
  DIAGNOSIS_LIMITS,
  readmeOf,
  SECRETS_MAX,
  type Setting,
  secretsInSetting,
  shownAddress,
  shownSetting,
  shownText,
  shownUnit,
  shownValue,
  withinLimit,
} from '../src/diagnosis/index.ts';

const KEY = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHVzZWQgaW4gYSB0ZXN0IG9ubHksIDMyIGJ5dGVz
-----END PRIVATE KEY-----`;

describe('DG1: what is never shown by its place', () => {
  test('labels are shown, whatever they are called', () => {
    for (const name of ['labels.role', 'labels.a.b/c']) {
      expect(shownSetting({ program: 'agent', name, value: 'db' })).toBe('db');
    }
  });

  test('a setting that nobody has decided about shows its name only', () => {
    for (const name of ['proxyPassword', 'constructor', '__proto__']) {
      const setting = { program: 'agent', name, value: 'hunter2' } as const;
      expect(shownSetting(setting)).toBe('[left out: setting]');
      expect(secretsInSetting(setting)).toEqual(['hunter2']);
    }
  });

  test.each([
    ['https://moult.example.org:7400', 'https://moult.example.org:7400'],
    ['https://moult.example.org/', 'https://moult.example.org'],
    ['http://user:hunter2@proxy:3128', 'http://[left out: password]@proxy:3128'],
    ['https://user:hun@ter2@[::1]:3128/', 'https://[left out: password]@[::1]:3128'],
    ['https://logs.example/hooks/hunter2', 'https://logs.example/[left out: setting]'],
    ['https://logs.example?key=hunter2', 'https://logs.example/[left out: setting]'],
    ['hunter2', '[left out: setting]'],
  ])('of the address %s stands %s', (given, shown) => {
    expect(shownAddress(given)).toBe(shown);
  });

  test('what an address hides is looked for elsewhere, too', () => {
    const value = 'https://user:hunter2@logs.example/services/h0012345?key=abcdefghijklmnop';
    const secrets = secretsInSetting({ program: 'coordinator', name: 'forward.webhook', value });
    expect(secrets).toEqual([
      'user',
      'hunter2',
      'user:hunter2',
      'logs.example/services/h0012345?key=abcdefghijklmnop',
      'logs.example/services/h0012345',
      'h0012345',
      'abcdefghijklmnop',
    ]);
    // A path of ours is not left out because an address ends like it.
    const plain: Setting = {
      program: 'coordinator',
      name: 'forward.webhook',
      value: 'https://a/moult',
    };
    expect(secretsInSetting(plain)).toEqual(['a/moult', 'a/moult']);
  });

  test('a setting that is shown is shown as it is, but for texts that look like secrets', () => {
    const shown = (value: unknown) => shownSetting({ program: 'agent', name: 'name', value });
    expect([shown('web-1'), shown(true), shown(3)]).toEqual(['web-1', true, 3]);
    expect(shown('x moult-access-v1.id.hunter2')).toBe('x [left out: token]');
  });

  test('properties of records, at any depth', () => {
    const value = {
      order: { nonce: 'hunter2', version: '1.4.0' },
      tasks: [{ parameters: [{ name: 'a', value: 'hunter2' }], environment: { A: 'hunter2' } }],
      item: { content: 'hunter2', token: 'hunter2', ticket: null, password: '' },
    };
    expect(shownValue(value)).toEqual({
      order: { nonce: '[left out: proof of a session]', version: '1.4.0' },
      tasks: [
        { parameters: '[left out: value of a task]', environment: '[left out: value of a task]' },
      ],
      item: {
        content: '[left out: output]',
        token: '[left out: token]',
        ticket: null,
        password: '',
      },
    });
  });

  test('a value deeper than any of ours ends', () => {
    let value: unknown = 'hunter2';
    for (let depth = 0; depth < 1_000; depth++) value = { a: value };
    expect(JSON.stringify(shownValue(value))).toContain('[left out: too deep]');
  });

  test('variables of a unit, of which the names stay', () => {
    const unit = [
      '[Service]',
      'ExecStart=/opt/moult/launcher/bin/node run',
      'Environment=A=hunter2 "B=hunter2 hunter2" \\',
      '  C=hunter2',
      'SetCredential=db:hunter2',
      'EnvironmentFile=/etc/default/moult',
    ].join('\n');
    expect(shownUnit(unit).split('\n')).toEqual([
      '[Service]',
      'ExecStart=/opt/moult/launcher/bin/node run',
      'Environment=A=[left out: setting] B=[left out: setting] C=[left out: setting]',
      'SetCredential=db=[left out: setting]',
      'EnvironmentFile=/etc/default/moult',
    ]);
  });
});

describe('DG2: what is never shown by its form', () => {
  test.each([
    [`before ${KEY} after`, 'before [left out: private key] after'],
    [JSON.stringify({ a: KEY }), '{"a":"[left out: private key]"}'],
    [KEY.slice(0, 60), '[left out: private key]'],
    ['moult-access-v1.01m8.hunter2_-x', '[left out: token]'],
    ['--token moult-enroll-v1.eyJpZCI6Imh1bnRlcjIifQ', '--token [left out: token]'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', '[left out: token]'],
    ['sent Basic dXNlcjpodW50ZXIy', 'sent Basic [left out: token]'],
    ['via http://user:hunter2@proxy:3128/', 'via http://[left out: password]@proxy:3128/'],
    ['{"password":"hunter2","port":1}', '{"password":[left out: password],"port":1}'],
    ['DB_PASSWORD=hunter2 started', 'DB_PASSWORD=[left out: password] started'],
    ['api-key: hunter2, then', 'api-key: [left out: password], then'],
    ["secret = 'hunter 2'", 'secret = [left out: password]'],
  ])('%j', (given, shown) => {
    expect(shownText(given)).toBe(shown);
  });

  test('what is none stays', () => {
    for (const text of [
      'GET https://moult.example.org:7400/v1/agents?state=Up',
      'digest e601aa09d7b1a0f2, tokens: 3 of them, passed: 4',
      'the secret is out, and basic information is given by the bearer',
      '{"level":30,"msg":"the session is open","counter":4}',
    ]) {
      expect(shownText(text)).toBe(text);
    }
  });
});

describe('DG3: what is known to be a secret', () => {
  const SECRET = 'correct horse "battery" staple\n';

  test.each([
    ['as it is', SECRET],
    ['inside JSON', JSON.stringify({ a: SECRET })],
    ['in an address', `?q=${encodeURIComponent(SECRET)}`],
    ['in base64', Buffer.from(SECRET).toString('base64')],
    ['in base64url', Buffer.from(SECRET).toString('base64url')],
    ['in hex', Buffer.from(SECRET).toString('hex')],
    ['in capital hex', Buffer.from(SECRET).toString('hex').toUpperCase()],
    ['within what was encoded, at 1', Buffer.from(`a${SECRET}b`).toString('base64')],
    ['within what was encoded, at 2', Buffer.from(`ab${SECRET}`).toString('base64')],
  ])('%s', (_name, text) => {
    const concealed = new Concealer([{ kind: 'password', value: SECRET }]).conceal(text);
    expect(concealed).toContain('[left out: password]');
    for (const part of [SECRET.slice(0, 12), text.slice(8, 20)]) {
      expect(concealed).not.toContain(part);
    }
  });

  test('nothing of any secret is left, wherever it stands', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 6, maxLength: 40 }),
        fc.string(),
        fc.constantFrom('utf8', 'base64', 'hex', 'json'),
        (secret, around, form) => {
          const whole = `${around}${secret}${around}`;
          const text =
            form === 'json'
              ? JSON.stringify(whole)
              : Buffer.from(whole).toString(form as BufferEncoding);
          const concealed = new Concealer([{ kind: 'token', value: secret }]).conceal(text);
          expect(concealed).toContain('[left out: token]');
        },
      ),
    );
  });

  test('bytes of a key, as they were encoded', () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, index) => index * 7);
    const concealer = new Concealer([{ kind: 'key', value: bytes }]);
    for (const form of ['base64', 'base64url', 'hex'] as const) {
      const text = Buffer.from(bytes).toString(form);
      expect(concealer.conceal(`<${text}>`)).toMatch(/^<\[left out: private key\].{0,2}>$/);
    }
  });

  test('a longer one before one that it contains, and none that is too short', () => {
    const concealer = new Concealer([
      { kind: 'password', value: 'hunter2' },
      { kind: 'token', value: 'hunter2hunter2' },
      { kind: 'password', value: 'ab' },
      { kind: 'password', value: '' },
    ]);
    expect(concealer.conceal('hunter2hunter2 abba hunter2')).toBe(
      '[left out: token] abba [left out: password]',
    );
  });

  test('is taken literally', () => {
    const concealer = new Concealer([{ kind: 'password', value: '$&.*+?(' }]);
    expect(concealer.conceal('x$&.*+?(x')).toBe('x[left out: password]x');
  });

  test('as many of them as can be looked for', () => {
    const secrets = Array.from({ length: SECRETS_MAX + 1 }, (_, index) => ({
      kind: 'token' as const,
      value: `secret-${String(index).padStart(5, '0')}`,
    }));
    const concealer = new Concealer(secrets);
    expect(concealer.conceal('secret-00999')).toBe('[left out: token]');
    expect(concealer.conceal('secret-01000')).toBe('secret-01000');
  });
});

describe('DG5: a part', () => {
  test('that is too long ends with a whole line, and says so', () => {
    const line = `${'x'.repeat(99)}\n`;
    const text = line.repeat(DIAGNOSIS_LIMITS.partBytesMax / 100 + 10);
    const kept = withinLimit(text);
    expect(kept.length).toBeLessThan(DIAGNOSIS_LIMITS.partBytesMax + 100);
    expect(kept).toMatch(/x\n\[cut off here: \d+ characters more\]\n$/);
    expect(withinLimit(line)).toBe(line);
  });

  test('that is one long line is cut as well', () => {
    expect(withinLimit('x'.repeat(2 * DIAGNOSIS_LIMITS.partBytesMax)).length).toBeLessThan(
      DIAGNOSIS_LIMITS.partBytesMax + 100,
    );
  });
});

test('DG6: what is read first says what is in it, what is not, and what could not be had', () => {
  const text = readmeOf({
    subject: 'agent web-1',
    version: '1.4.0',
    madeMs: 0,
    parts: [
      { name: 'boot.json', what: 'what boots', text: '', trouble: 'no permission' },
      { name: 'host.json', what: 'the machine', text: '', trouble: null },
    ],
  });
  expect(text).toMatch(/^Diagnosis of the agent web-1, made by moult 1\.4\.0 at 1970-/);
  expect(text).toMatch(/^ {2}boot\.json +what boots$/m);
  expect(text).toMatch(/^What could not be had:\n {2}boot\.json: no permission\n$/m);
  expect(text).toMatch(/private keys, tokens, passwords/);
});

test('error codes are found where they stand, and nothing that only looks like one', () => {
  const found = codesIn([
    '{"code":"disk-full"} no-session: x',
    'trust-expired: late',
    'a well-known: one',
  ]);
  expect(Object.keys(found)).toEqual(['disk-full', 'trust-expired']);
});
