import { describe, expect, test } from 'vitest';
import { type BootRecord, firstRecord, type Refusal, type Trial } from '../../src/boot/index.ts';
import { type Found, type HostFacts, hostChecks } from '../../src/doctor/index.ts';
import { NO_WORD } from '../../src/owner-word.ts';

const NOW = Date.parse('2027-01-31T12:00:00Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MIB = 1024 * 1024;

const found = <T>(value: T): Found<T> => ({ isFound: true, value });
const slot = (version: string) => {
  const digest = version.replaceAll('.', '').padEnd(64, 'a');
  return { version, digest, dir: `${version}-${digest.slice(0, 8)}` };
};
const RECORD: BootRecord = {
  ...firstRecord(slot('1.1.0')),
  components: {
    ...firstRecord(slot('1.1.0')).components,
    agent: { ...firstRecord(slot('1.1.0')).components.agent, previous: slot('1.0.0') },
  },
};
const withAgent = (change: Partial<BootRecord['components']['agent']>) =>
  boot({
    ...RECORD,
    components: { ...RECORD.components, agent: { ...RECORD.components.agent, ...change } },
  });
const boot = (record: BootRecord, writtenMs = NOW): HostFacts['boot'] =>
  found({ path: '/s/boot.json', reading: { kind: 'read', record }, writtenMs });
const TRIAL: Trial = {
  slot: slot('1.2.0'),
  attemptId: 'c/1',
  tries: 1,
  rebootTries: 0,
  bootId: 'b',
  watchedLeftMs: 300_000,
};
const refusalOf = (version: string): Refusal => ({
  version,
  digest: 'd',
  attemptId: 'c/1',
  evidence: {
    ...{ reason: 'hung', detail: 'it said nothing for 60 s' },
    ...{ exitCode: null, signal: null, logLines: [], samples: [] },
  },
});
const FIRST = {
  ...{ dir: '/p/launcher', isThere: true, version: '1.0.0', damage: null },
  ...{ ownerUid: 0, wantsRoot: true },
};
const DATABASE = {
  ...{ path: '/s/agent.db', bytes: 3 * MIB, schema: 2, readableSince: 1 },
  ...{ knownSchema: 2, damage: null, isReadInFull: true },
};
const OUTBOX = {
  items: 3,
  bytes: 10 * MIB,
  bytesMax: 256 * MIB,
  oldestMs: NOW - HOUR,
  ageMsMax: 7 * DAY,
};
const STATE = {
  upgrade: { kind: 'idle' },
  condition: { isPaused: false, failedUpgrade: null },
  noSession: null,
  outbox: OUTBOX,
} as const;
const CA = {
  path: '/c/ca.pem',
  fromMs: NOW - DAY,
  toMs: NOW + 100 * DAY,
  isRenewedByItself: false,
};
const GOOD: HostFacts = {
  nowMs: NOW,
  firstLauncher: found(FIRST),
  boot: boot(RECORD),
  processes: found({ launcher: 10, agent: 11 }),
  slots: found([{ component: 'agent', kind: 'previous', version: '1.0.0', damage: null }]),
  database: found(DATABASE),
  state: found(STATE),
  owner: found({ ...NO_WORD, marks: [], locks: [] }),
  tasks: found({ names: ['backup'], trouble: '' }),
  ca: found(CA),
  metadata: found([{ role: 'root', signedBy: 'root', expiresMs: NOW + 1_000 * DAY }]),
  keptAside: found([]),
};

const checkOf = (name: string, change: Partial<HostFacts>) =>
  hostChecks({ ...GOOD, ...change }).find((check) => check.name === name);

test('all is well, each with its figures', () => {
  const checks = hostChecks(GOOD);
  expect(checks.map(({ name, outcome, detail }) => `${outcome} ${name}: ${detail}`)).toEqual([
    'pass first-launcher: 1.0.0, every byte is as its manifest says',
    'pass boot-record: agent 1.1.0, before it 1.0.0; launcher the first one',
    'pass processes: agent 11, launcher 10',
    'pass slots: agent 1.0.0 (the one before): whole',
    'pass database: schema 2, 3 MiB, whole',
    'pass session: no trouble is on record',
    'pass upgrade: none is under way',
    'pass outbox: 3 items wait, 10 MiB of 256 MiB, the oldest for 60 min of 7 d',
    'pass refused: no version',
    'pass owner: nothing of the owner’s holds upgrades',
    'pass tasks: 1: backup',
    'pass ca: good until 2027-05-11',
    'pass metadata: root is the first to end: 2029-10-27',
  ]);
});

const trouble = { isFound: false, code: 'file-unreadable', message: 'EACCES' } as const;

describe('what is not well fails or warns, with a code whose remedy says what to do', () => {
  test.each([
    [
      'first-launcher',
      'warn',
      'first-launcher-unsound',
      { firstLauncher: found({ ...FIRST, isThere: false }) },
    ],
    [
      'first-launcher',
      'fail',
      'first-launcher-unsound',
      { firstLauncher: found({ ...FIRST, damage: 'gone' }) },
    ],
    [
      'first-launcher',
      'fail',
      'first-launcher-unsound',
      { firstLauncher: found({ ...FIRST, ownerUid: 990 }) },
    ],
    [
      'boot-record',
      'warn',
      'agent-not-serving',
      { boot: found({ path: '/b', reading: { kind: 'absent' }, writtenMs: null }) },
    ],
    [
      'boot-record',
      'fail',
      'boot-record-unreadable',
      { boot: found({ path: '/b', reading: { kind: 'unreadable', why: 'x' }, writtenMs: NOW }) },
    ],
    [
      'boot-record',
      'fail',
      'boot-record-too-new',
      { boot: found({ path: '/b', reading: { kind: 'too-new', format: 2 }, writtenMs: NOW }) },
    ],
    ['trial', 'pass', null, { boot: withAgent({ trial: TRIAL }) }],
    [
      'trial',
      'fail',
      'trial-open',
      { boot: withAgent({ trial: TRIAL }), processes: found({ launcher: null, agent: null }) },
    ],
    ['trial', 'warn', 'trial-open', { boot: withAgent({ trial: TRIAL }), nowMs: NOW + 2 * HOUR }],
    ['processes', 'pass', null, { processes: found({ launcher: null, agent: 11 }) }],
    ['processes', 'fail', 'agent-not-serving', { processes: found({ launcher: 10, agent: null }) }],
    [
      'processes',
      'fail',
      'agent-not-serving',
      { processes: found({ launcher: null, agent: null }) },
    ],
    ['slots', 'pass', null, { slots: found([]) }],
    [
      'slots',
      'warn',
      'slot-corrupt',
      {
        slots: found([{ component: 'agent', kind: 'previous', version: '1.0.0', damage: 'gone' }]),
      },
    ],
    ['database', 'pass', null, { database: found(null) }],
    [
      'database',
      'fail',
      'state-damaged',
      { database: found({ ...DATABASE, damage: 'row 3 missing' }) },
    ],
    ['database', 'fail', 'state-too-new', { database: found({ ...DATABASE, readableSince: 3 }) }],
    ['state', 'fail', 'file-unreadable', { state: trouble }],
    [
      'session',
      'fail',
      'session-refused',
      {
        state: found({ ...STATE, noSession: { code: 'session-refused', message: 'unknown key' } }),
      },
    ],
    [
      'upgrade',
      'fail',
      'upgrade-failed',
      {
        state: found({
          ...STATE,
          condition: { isPaused: false, failedUpgrade: { version: '2.0.0', code: 'hung' } },
        }),
      },
    ],
    [
      'outbox',
      'warn',
      'outbox-filling',
      { state: found({ ...STATE, outbox: { ...OUTBOX, bytes: 192 * MIB } }) },
    ],
    [
      'outbox',
      'warn',
      'outbox-filling',
      { state: found({ ...STATE, outbox: { ...OUTBOX, oldestMs: NOW - 6 * DAY } }) },
    ],
    ['refused', 'warn', 'refused-here', { boot: withAgent({ refused: [refusalOf('1.2.0')] }) }],
    ['refused', 'pass', null, { boot: withAgent({ refused: [refusalOf('1.0.5')] }) }],
    [
      'tasks',
      'fail',
      'tasks-file-invalid',
      { tasks: found({ names: [], trouble: 'tasks-file-invalid: backup: no program' }) },
    ],
    ['ca', 'warn', 'certificate-expiring', { ca: found({ ...CA, toMs: NOW + DAY / 4 }) }],
    ['ca', 'fail', 'certificate-expired', { ca: found({ ...CA, toMs: NOW }) }],
    ['ca', 'fail', 'certificate-expired', { ca: found({ ...CA, fromMs: NOW + 1 }) }],
    [
      'metadata',
      'warn',
      'metadata-expiring',
      { metadata: found([{ role: 'root', signedBy: 'root', expiresMs: NOW + 400 * DAY }]) },
    ],
    [
      'metadata',
      'fail',
      'trust-expired',
      { metadata: found([{ role: 'agent-1', signedBy: 'release', expiresMs: NOW }]) },
    ],
    ['kept-aside', 'warn', 'kept-aside', { keptAside: found(['/s/agent.db.unreadable-1']) }],
  ] satisfies readonly (readonly [string, string, string | null, Partial<HostFacts>])[])(
    'DR3: %s: %s %s',
    (name, outcome, code, change) => {
      expect(checkOf(name, change)).toMatchObject({ outcome, code });
    },
  );
});

test('DR2: what could not be looked at has failed, and nothing is left out for it', () => {
  const names = Object.keys(GOOD).filter((name) => name !== 'nowMs');
  const blind = Object.fromEntries(names.map((name) => [name, trouble]));
  const checks = hostChecks({ ...GOOD, ...blind });
  // The boot record is asked three questions.
  expect(checks).toHaveLength(names.length + 2);
  for (const check of checks)
    expect(check).toMatchObject({ outcome: 'fail', code: 'file-unreadable' });
});

test('a damaged database is told with one remedy, and not as a file that cannot be read', () => {
  const database = found({ ...DATABASE, damage: 'not a database' });
  expect(checkOf('state', { database, state: trouble })).toMatchObject({ code: 'state-damaged' });
  expect(checkOf('session', { database })).toMatchObject({ outcome: 'pass' });
});

test('what is not there on every host is not in the list', () => {
  const checks = hostChecks({
    ...GOOD,
    ...{ ca: found(null), metadata: found(null), state: found(null) },
    processes: found({ launcher: 10, agent: null }),
  });
  const names = checks.map(({ name }) => name);
  for (const name of ['ca', 'metadata', 'session', 'upgrade', 'outbox', 'trial', 'kept-aside']) {
    expect(names).not.toContain(name);
  }
});

test('P6: what of the owner’s word holds upgrades is told, and is no trouble', () => {
  const owner = found({ ...NO_WORD, marks: ['host-locked' as const], locks: ['/l/backup'] });
  expect(checkOf('owner', { owner })).toMatchObject({
    ...{ outcome: 'pass', detail: 'locked by /l/backup' },
  });
});

test('an upgrade that waits is told with its trouble', () => {
  const retry = {
    ...{ failures: 1, notBeforeMs: NOW + HOUR },
    last: { code: 'disk-reserve', message: '3 MiB are free' },
  };
  const upgrade = { kind: 'preflight', course: {} as never, retry } as const;
  const check = checkOf('upgrade', { state: found({ ...STATE, upgrade: upgrade as never }) });
  expect(check).toMatchObject({ outcome: 'warn', code: 'disk-reserve' });
  expect(check?.detail).toMatch(/^preflight: disk-reserve: 3 MiB are free/);
});
