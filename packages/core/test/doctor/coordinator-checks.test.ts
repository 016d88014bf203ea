import { describe, expect, test } from 'vitest';
import {
  type CoordinatorFacts,
  coordinatorChecks,
  type Found,
  notLookedAt,
} from '../../src/doctor/index.ts';

const NOW = Date.parse('2027-01-31T12:00:00Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MIB = 1024 * 1024;
const KIB: number = 1024;

const found = <T>(value: T): Found<T> => ({ isFound: true, value });
const nobody = { names: [], count: 0 };
const FLEET = {
  ...{ agents: 12, quarantined: nobody, unvalidated: nobody },
  ...{ downLong: nobody, upgradeFailed: nobody, tooOld: nobody },
};
const DATABASE = {
  ...{ path: '/s/coordinator.db', bytes: 3 * MIB, schema: 5, readableSince: 1 },
  ...{ knownSchema: 5, damage: null, isReadInFull: true },
};
const CERTIFICATE = {
  path: '/s/server.pem',
  fromMs: NOW - DAY,
  toMs: NOW + 100 * DAY,
  isRenewedByItself: true,
};
const BLOBS = { releases: 4, files: 12, bytes: 140 * MIB, troubles: [], isDeep: false };
const role = (change: Partial<ReturnType<typeof roleNamed>>) => ({ ...roleNamed(), ...change });
function roleNamed() {
  return {
    role: 'agent-1',
    signedBy: 'release',
    expiresMs: NOW + 700 * DAY,
    sizeBytes: KIB,
  } as const;
}
const GOOD: CoordinatorFacts = {
  nowMs: NOW,
  configPath: '/c/coordinator.yaml',
  answer: found({ url: 'https://127.0.0.1:7400', isReady: true }),
  permissions: found([]),
  disk: found({ dir: '/s', bytes: 2_000 * MIB, inodes: 100_000 }),
  database: found(DATABASE),
  unadopted: found(null),
  certificate: found(CERTIFICATE),
  ca: found(null),
  roles: found([role({})]),
  onlineKeys: found(null),
  blobs: found(BLOBS),
  choices: found({ count: 2, impossible: [] }),
  administrators: found([{ name: 'ann', endsMs: null }]),
  backup: found(NOW - HOUR),
  forwards: found([]),
  handles: found({ pid: 10, open: 40, max: 20_000 }),
  fleet: found(FLEET),
};

const checkOf = (name: string, change: Partial<CoordinatorFacts>) =>
  coordinatorChecks({ ...GOOD, ...change }).find((check) => check.name === name);

test('all is well, each with its figures', () => {
  const checks = coordinatorChecks(GOOD);
  expect(checks.map(({ name, outcome, detail }) => `${outcome} ${name}: ${detail}`)).toEqual([
    'pass configuration: /c/coordinator.yaml',
    'pass answer: https://127.0.0.1:7400 answers',
    'pass permissions: nobody else can read its keys, or write what it serves',
    'pass disk: 2000 MiB and 100000 inodes are free in /s',
    'pass database: schema 5, 3 MiB, whole',
    'pass restore: nothing waits to be adopted',
    'pass certificate: good until 2027-05-11',
    'pass metadata: agent-1 is the first to end: 2028-12-31',
    'pass metadata-size: agent-1 takes 1 % of what hosts accept',
    'pass online-keys: those that the root names can be read',
    'pass releases: 4 wanted or installed, 12 files, 140 MiB: all there; their bytes are read with --deep only',
    'pass choices: 2, each there for the platforms that it is for',
    'pass administrators: 1: ann',
    'pass backup: the last one was made 60 min ago',
    'pass handles: process 10 has 40 of 20000 handles open, one for each session',
    'pass agents: 12, and none of them wants a person',
  ]);
});

const some = { names: ['a', 'b'], count: 7 };

describe('what is not well fails or warns, with a code whose remedy says what to do', () => {
  test.each([
    ['answer', 'fail', 'coordinator-not-ready', { answer: found({ url: 'u', isReady: false }) }],
    ['permissions', 'fail', 'coordinator-unsafe', { permissions: found(['/k can be read']) }],
    [
      'disk',
      'warn',
      'coordinator-disk-low',
      { disk: found({ dir: '/s', bytes: 1_023 * MIB, inodes: null }) },
    ],
    [
      'disk',
      'fail',
      'coordinator-disk-low',
      { disk: found({ dir: '/s', bytes: 63 * MIB, inodes: null }) },
    ],
    [
      'disk',
      'fail',
      'coordinator-disk-low',
      { disk: found({ dir: '/s', bytes: 2_000 * MIB, inodes: 999 }) },
    ],
    ['database', 'fail', 'database-corrupt', { database: found({ ...DATABASE, damage: 'x' }) }],
    [
      'database',
      'fail',
      'database-too-new',
      { database: found({ ...DATABASE, readableSince: 6 }) },
    ],
    ['restore', 'warn', 'not-adopted', { unadopted: found(NOW - DAY) }],
    // Its own is made anew within a day of being due; another one is its owner's affair.
    [
      'certificate',
      'pass',
      null,
      { certificate: found({ ...CERTIFICATE, fromMs: NOW - 60 * DAY, toMs: NOW + 19.5 * DAY }) },
    ],
    [
      'certificate',
      'warn',
      'certificate-expiring',
      { certificate: found({ ...CERTIFICATE, fromMs: NOW - 60 * DAY, toMs: NOW + 18 * DAY }) },
    ],
    [
      'certificate',
      'warn',
      'certificate-expiring',
      {
        certificate: found({
          ...CERTIFICATE,
          fromMs: NOW - 60 * DAY,
          toMs: NOW + 19.5 * DAY,
          isRenewedByItself: false,
        }),
      },
    ],
    [
      'certificate',
      'fail',
      'certificate-expired',
      { certificate: found({ ...CERTIFICATE, toMs: NOW }) },
    ],
    [
      'metadata',
      'warn',
      'metadata-expiring',
      { roles: found([role({ expiresMs: NOW + 182 * DAY })]) },
    ],
    [
      'metadata',
      'pass',
      null,
      {
        roles: found([
          { ...role({}), role: 'timestamp', signedBy: 'timestamp', expiresMs: NOW + 1.7 * DAY },
        ]),
      },
    ],
    [
      'metadata',
      'warn',
      'metadata-expiring',
      {
        roles: found([
          { ...role({}), role: 'timestamp', signedBy: 'timestamp', expiresMs: NOW + 1.5 * DAY },
        ]),
      },
    ],
    ['metadata', 'fail', 'trust-expired', { roles: found([role({ expiresMs: NOW })]) }],
    [
      'metadata-size',
      'warn',
      'metadata-growing',
      { roles: found([role({ sizeBytes: 96 * KIB })]) },
    ],
    [
      'metadata-size',
      'fail',
      'metadata-too-large',
      { roles: found([role({ sizeBytes: 128 * KIB + 1 })]) },
    ],
    [
      'releases',
      'fail',
      'release-incomplete',
      { blobs: found({ ...BLOBS, troubles: ['agent 1.0.0: missing'] }) },
    ],
    [
      'choices',
      'fail',
      'choice-impossible',
      {
        choices: found({
          count: 1,
          impossible: [
            { component: 'agent', version: '2.0.0', platform: 'linux-arm64', agents: 3 },
          ],
        }),
      },
    ],
    ['administrators', 'fail', 'no-administrator', { administrators: found([]) }],
    [
      'administrators',
      'warn',
      'administrators-ending',
      { administrators: found([{ name: 'ann', endsMs: NOW + 13 * DAY }]) },
    ],
    [
      'administrators',
      'pass',
      null,
      {
        administrators: found([
          { name: 'ann', endsMs: NOW + 15 * DAY },
          { name: 'bob', endsMs: NOW + DAY },
        ]),
      },
    ],
    ['backup', 'warn', 'backup-missing', { backup: found(null) }],
    ['backup', 'warn', 'backup-missing', { backup: found(NOW - 49 * HOUR) }],
    [
      'forwards',
      'warn',
      'forward-failed',
      { forwards: found([{ target: 'webhook', failingSinceMs: NOW - HOUR, trouble: 'HTTP 500' }]) },
    ],
    [
      'forwards',
      'pass',
      null,
      { forwards: found([{ target: 'webhook', failingSinceMs: null, trouble: '' }]) },
    ],
    [
      'handles',
      'warn',
      'handles-scarce',
      { handles: found({ pid: 10, open: 15_000, max: 20_000 }) },
    ],
    [
      'quarantined',
      'warn',
      'agents-quarantined',
      { fleet: found({ ...FLEET, quarantined: some }) },
    ],
    [
      'unvalidated',
      'warn',
      'agents-unvalidated',
      { fleet: found({ ...FLEET, unvalidated: some }) },
    ],
    ['down', 'warn', 'agents-down', { fleet: found({ ...FLEET, downLong: some }) }],
    [
      'upgrade-failed',
      'warn',
      'agents-upgrade-failed',
      { fleet: found({ ...FLEET, upgradeFailed: some }) },
    ],
    ['too-old', 'warn', 'agents-too-old', { fleet: found({ ...FLEET, tooOld: some }) }],
  ] satisfies readonly (readonly [string, string, string | null, Partial<CoordinatorFacts>])[])(
    'DR3: %s: %s %s',
    (name, outcome, code, change) => {
      expect(checkOf(name, change)).toMatchObject({ outcome, code });
    },
  );
});

test('names that a line cannot bear are counted', () => {
  expect(checkOf('down', { fleet: found({ ...FLEET, downLong: some }) })?.detail).toBe(
    '7: a, b, …',
  );
});

test('DR2: what could not be looked at has failed', () => {
  const trouble = { isFound: false, code: 'database-corrupt', message: 'not looked at' } as const;
  const names = Object.keys(GOOD).filter((name) => name !== 'nowMs' && name !== 'configPath');
  const blind = Object.fromEntries(names.map((name) => [name, trouble]));
  const [configuration, ...checks] = coordinatorChecks({ ...GOOD, ...blind });
  expect(configuration).toMatchObject({ outcome: 'pass' });
  // Metadata is asked for its ends and its sizes.
  expect(checks).toHaveLength(names.length + 1);
  for (const check of checks) expect(check).toMatchObject({ outcome: 'fail', code: trouble.code });
  expect(notLookedAt('configuration', trouble)).toMatchObject({
    name: 'configuration',
    outcome: 'fail',
  });
});
