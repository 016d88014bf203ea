import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkMetadata,
  checkReleaseDocument,
  checkRootChain,
  checkTarget,
  effectiveNow,
  isChainLong,
  isRenewalDue,
  LIFETIME_MS,
  lostBelow,
  metadataBytesMax,
  nextFloor,
  nextOnlineVersion,
  type RootLink,
  sizeVerdict,
  TRUST_LIMITS,
} from '../src/trust/index.ts';

const SHA = 'a'.repeat(64);
const WANTED = { component: 'agent', version: '1.2.3' } as const;
const DOCUMENT = {
  format: 1,
  component: 'agent',
  version: '1.2.3',
  manifests: { 'linux-x64': { sha256: SHA, length: 900 } },
};

describe('the policy for targets', () => {
  test('one sha256 and a sane length are accepted', () => {
    expect(checkTarget({ length: 100, hashes: { sha256: SHA } })).toEqual({
      kind: 'accepted',
      value: { sha256: SHA, length: 100 },
    });
  });

  test.each([
    { length: 100, hashes: {} },
    { length: 100, hashes: null },
    { length: 100, hashes: [SHA] },
    { length: 100, hashes: { md5: SHA } },
    { length: 100, hashes: { sha256: SHA, sha512: SHA } },
    { length: 100, hashes: { sha256: SHA.toUpperCase() } },
    { length: 100, hashes: { sha256: 7 } },
    { length: 0, hashes: { sha256: SHA } },
    { length: -1, hashes: { sha256: SHA } },
    { length: 0.5, hashes: { sha256: SHA } },
    { length: 1e308, hashes: { sha256: SHA } },
    { length: '100', hashes: { sha256: SHA } },
    { length: Number.NaN, hashes: { sha256: SHA } },
  ])('%j is refused (RL21)', (target) => {
    expect(checkTarget(target).kind).toBe('refused');
  });
});

describe('the policy for metadata', () => {
  test('whole versions, with or without lengths and hashes, are accepted', () => {
    const meta = {
      'agent-1.json': { version: 1 },
      'targets.json': { version: 2, length: 9, hashes: { sha256: SHA } },
    };
    expect(checkMetadata({ version: 3, meta })).toEqual({
      kind: 'accepted',
      value: { version: 3 },
    });
  });

  test.each([
    null,
    [],
    'text',
    {},
    { version: 0 },
    { version: 1.5 },
    { version: '1' },
    { version: 1e308 },
    { version: 1, meta: null },
    { version: 1, meta: { 'a.json': null } },
    { version: 1, meta: { 'a.json': { version: 0.5 } } },
    { version: 1, meta: { 'a.json': { version: 1, length: 1e308 } } },
    { version: 1, meta: { 'a.json': { version: 1, hashes: {} } } },
    { version: 1, meta: { 'a.json': { version: 1, hashes: { md5: 'x' } } } },
  ])('%j is refused (RL21)', (signed) => {
    expect(checkMetadata(signed).kind).toBe('refused');
  });

  test('nothing that JSON can hold makes it throw', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => checkMetadata(value).kind.length > 0));
  });
});

describe('the policy for release documents', () => {
  test('a document about the release is accepted, without platforms and fields that this version does not know', () => {
    const newer = {
      ...DOCUMENT,
      extra: true,
      manifests: { ...DOCUMENT.manifests, 'haiku-riscv64': { sha256: 'other rules' } },
    };
    expect(checkReleaseDocument(JSON.stringify(newer), WANTED)).toEqual({
      kind: 'accepted',
      value: DOCUMENT,
    });
  });

  test.each([
    'not JSON',
    'null',
    JSON.stringify({ ...DOCUMENT, format: 2 }),
    JSON.stringify({ ...DOCUMENT, component: 'launcher' }),
    JSON.stringify({ ...DOCUMENT, component: 'other' }),
    JSON.stringify({ ...DOCUMENT, version: '1.2.4' }),
    JSON.stringify({ ...DOCUMENT, version: null }),
    JSON.stringify({ ...DOCUMENT, manifests: null }),
    JSON.stringify({ ...DOCUMENT, manifests: { 'linux-x64': { sha256: '../x', length: 1 } } }),
    JSON.stringify({ ...DOCUMENT, manifests: { 'linux-x64': { sha256: SHA, length: 1e9 } } }),
  ])('%s is refused (RL21)', (text) => {
    expect(checkReleaseDocument(text, WANTED).kind).toBe('refused');
  });

  test('nothing that JSON can hold makes it throw', () => {
    fc.assert(
      fc.property(fc.json(), (text) => checkReleaseDocument(text, WANTED).kind === 'refused'),
    );
  });
});

describe('time', () => {
  test('T21: expiry is never judged by a clock below the floor, and the floor never falls (RL22)', () => {
    const ms = fc.integer({ min: 0, max: 4e12 });
    fc.assert(
      fc.property(ms, ms, ms, (nowMs, floorMs, expiresMs) => {
        const judgedMs = effectiveNow({ nowMs, floorMs });
        expect(judgedMs).toBeGreaterThanOrEqual(floorMs);
        const next = nextFloor({ floorMs, nowMs: judgedMs, expiresMs });
        expect(next).toBeGreaterThanOrEqual(floorMs);
        expect(next).toBeLessThanOrEqual(Math.max(floorMs, expiresMs));
      }),
    );
  });

  test('online versions rise and are at least the minute (RL16)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e9 }),
        fc.integer({ min: 0, max: 4e12 }),
        (last, nowMs) => {
          const next = nextOnlineVersion(last, nowMs);
          expect(next).toBeGreaterThan(last);
          expect(next * 60_000).toBeGreaterThan(nowMs - 60_000);
        },
      ),
    );
  });

  test.each(['root', 'release', 'snapshot', 'timestamp'] as const)(
    '%s is due when a quarter is left',
    (role) => {
      const quarterMs = LIFETIME_MS[role] / 4;
      expect(isRenewalDue({ role, expiresMs: quarterMs + 1, nowMs: 0 })).toBe(false);
      expect(isRenewalDue({ role, expiresMs: quarterMs, nowMs: 0 })).toBe(true);
      expect(isRenewalDue({ role, expiresMs: -1, nowMs: 0 })).toBe(true);
    },
  );
});

describe('limits', () => {
  test.each(['root', 'timestamp', 'snapshot', 'targets', 'agent-2'])(
    '%s: near at 75 %%, above beyond (RL17)',
    (role) => {
      const max = metadataBytesMax(role);
      expect(sizeVerdict({ role, sizeBytes: max * 0.75 - 1 })).toBe('within');
      expect(sizeVerdict({ role, sizeBytes: max * 0.75 })).toBe('near');
      expect(sizeVerdict({ role, sizeBytes: max })).toBe('near');
      expect(sizeVerdict({ role, sizeBytes: max + 1 })).toBe('above');
    },
  );

  test('every role that is not of the top level has the limit of targets', () => {
    expect(metadataBytesMax('launcher-12')).toBe(TRUST_LIMITS.roleBytesMax);
  });
});

describe('new links of the chain of roots', () => {
  const NOW_MS = 1_000_000;
  const linksFrom = (liveVersion: number, count: number): RootLink[] =>
    Array.from({ length: count }, (_, index) => ({
      version: liveVersion + 1 + index,
      sizeBytes: 1_500,
      // Only the last one must not have expired.
      expiresMs: index === count - 1 ? NOW_MS + 1 : 1,
    }));
  const liveVersions = fc.integer({ min: 1, max: 1_000 });
  const counts = fc.integer({ min: 1, max: TRUST_LIMITS.rootRotationsMax });

  test('are taken when each follows the one before and the last has not expired (RL54)', () => {
    fc.assert(
      fc.property(liveVersions, counts, (liveVersion, count) => {
        const links = linksFrom(liveVersion, count);
        expect(checkRootChain({ liveVersion, links, nowMs: NOW_MS })).toEqual({
          kind: 'accepted',
          value: liveVersion + count,
        });
      }),
    );
  });

  test('are refused when any one is of another version, too large, or the last expired (RL55)', () => {
    const faults: readonly ((links: RootLink[], at: number) => void)[] = [
      (links, at) =>
        links.splice(at, 1, { ...linkAt(links, at), version: linkAt(links, at).version + 1 }),
      (links, at) => links.splice(at, 1, { ...linkAt(links, at), version: Number.NaN }),
      (links, at) => links.splice(at, 1, { ...linkAt(links, at), sizeBytes: 32_769 }),
      (links) => links.splice(-1, 1, { ...linkAt(links, links.length - 1), expiresMs: NOW_MS }),
      (links) => links.splice(-1, 1, { ...linkAt(links, links.length - 1), expiresMs: Number.NaN }),
    ];
    fc.assert(
      fc.property(liveVersions, counts, fc.nat(), (liveVersion, count, place) => {
        for (const spoil of faults) {
          const links = linksFrom(liveVersion, count);
          spoil(links, place % count);
          expect(checkRootChain({ liveVersion, links, nowMs: NOW_MS }).kind).toBe('refused');
        }
      }),
    );
  });

  test('are refused when there is none, or more than agents walk (RL54)', () => {
    const limit = TRUST_LIMITS.rootRotationsMax;
    for (const count of [0, limit + 1]) {
      const links = linksFrom(1, count);
      expect(checkRootChain({ liveVersion: 1, links, nowMs: NOW_MS }).kind).toBe('refused');
    }
  });

  test('say in time who will be lost, and then who is (RL17)', () => {
    expect([48, 49, 65, 66, 100].map(isChainLong)).toEqual([false, true, true, true, true]);
    expect([1, 65, 66, 100].map(lostBelow)).toEqual([null, null, 1, 35]);
  });
});

function linkAt(links: readonly RootLink[], index: number): RootLink {
  const link = links[index];
  if (link === undefined) throw new Error(`no link ${index}`);
  return link;
}
