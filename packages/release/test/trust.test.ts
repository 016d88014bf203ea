import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LIFETIME_MS, TRUST_LIMITS } from '@moult/core/trust';
import { describe, expect, test } from 'vitest';
import { sha256Of } from '../src/digest.ts';
import { buildRoot, loadReleaseKeys, loadRootKeys } from '../src/keys.ts';
import { encodeReleaseDocument, readCurrentState, renew, servedDirOf } from '../src/repository.ts';
import { generateKeyPem, signingKeyOf } from '../src/signing-key.ts';
import { stageSlot } from '../src/slot.ts';
import { StillClock } from './support/clock.ts';
import { forge, roleWith, serve } from './support/evil.ts';
import {
  documentOf,
  type Host,
  newHost,
  startWorld,
  trustClientOf,
  type World,
} from './support/world.ts';

const WANTED = { component: 'agent', version: '1.0.0' } as const;
const TARGET_PATH = 'releases/agent/1.0.0.json';
const DAY_MS = 86_400_000;

async function worldWithRelease(): Promise<{
  readonly world: World;
  readonly host: Host;
  readonly digest: string;
}> {
  const world = await startWorld();
  const release = await world.release({ version: '1.0.0' });
  return { world, host: await newHost(world), digest: release.digest };
}

/** Past the compiler's memory of what was assigned last. */
function intruderOf(world: World): World['intruder'] {
  return world.intruder;
}

function served(world: World, path: string): Promise<Buffer> {
  return readFile(join(servedDirOf(world.repositoryDir), path));
}

describe('trust', () => {
  test('a release that release keys signed is trusted, and its manifest carries proof (RL20)', async () => {
    const { world, host, digest } = await worldWithRelease();
    const refreshed = await host.trust.refresh();
    expect(refreshed.expiresMs).toBe(world.clock.nowMs() + LIFETIME_MS.timestamp);
    const manifest = await host.trust.manifest({ ...WANTED, platform: 'linux-x64' });
    expect(manifest.digest).toBe(digest);
    expect(manifest.manifest.version).toBe('1.0.0');
    expect((await readdir(host.layout.trustDir)).sort()).toEqual(['trusted.json']);
  });

  test('a manifest that nobody verified cannot be staged (RL20)', async () => {
    const { world, host } = await worldWithRelease();
    const manifest = await host.trust.manifest({ ...WANTED, platform: 'linux-x64' });
    const staging = stageSlot({
      manifest: { ...manifest },
      layout: host.layout,
      baseUrl: world.baseUrl,
      way: async () => ({ ca: null, proxy: null }),
      clock: world.clock,
      signal: new AbortController().signal,
    });
    await expect(staging).rejects.toThrow('was not verified');
  });

  test('a release without files for the platform, and one that nobody published, say so', async () => {
    const { host } = await worldWithRelease();
    await expect(host.trust.manifest({ ...WANTED, platform: 'linux-arm64' })).rejects.toMatchObject(
      { code: 'release-no-platform' },
    );
    await expect(
      host.trust.release({ component: 'agent', version: '1.0.1' }),
    ).rejects.toMatchObject({ code: 'release-unknown' });
    await expect(
      host.trust.release({ component: 'launcher', version: '1.0.0' }),
    ).rejects.toMatchObject({ code: 'release-unknown' });
  });

  test('an unreachable server is no distrust, and may be asked again', async () => {
    const { world, host } = await worldWithRelease();
    world.intruder = (request) => {
      request.socket.destroy();
      return true;
    };
    await expect(host.trust.refresh()).rejects.toMatchObject({
      code: 'trust-unreachable',
      retryable: true,
    });
    world.intruder = (_request, response) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-unreachable' });
    world.intruder = null;
    await expect(host.trust.refresh()).resolves.toMatchObject({ rootVersion: 1 });
  });

  test('plain http beyond loopback is refused', async () => {
    const { world, host } = await worldWithRelease();
    const trust = trustClientOf({ ...world, baseUrl: 'http://192.0.2.1:7400' }, host.layout);
    await expect(trust.refresh()).rejects.toMatchObject({ code: 'fetch-insecure' });
  });
});

describe('T3: attacks on metadata', () => {
  test('rollback: an older timestamp than was seen is refused, and what was trusted stays', async () => {
    const { world, host } = await worldWithRelease();
    const old = await served(world, 'metadata/timestamp.json');
    await world.release({ version: '1.0.1' });
    const seen = await host.trust.refresh();
    serve(world, { '/tuf/metadata/timestamp.json': old });
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-rollback' });
    world.intruder = null;
    expect(await host.trust.refresh()).toEqual(seen);
  });

  test('rollback of a role: an older list of releases under a newer snapshot is refused', async () => {
    const { world, host } = await worldWithRelease();
    const old = await readCurrentState(world.repositoryDir);
    await world.release({ version: '1.0.1' });
    await host.trust.release({ component: 'agent', version: '1.0.1' });
    const role = old.roles.get('agent-1');
    await forge(world, {
      roles: { 'agent-1': { bytes: role?.bytes ?? Buffer.alloc(0), version: 1 } },
    });
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-rollback' });
  });

  test('freeze: metadata that nobody renewed is refused after seven days, and taken again once renewed', async () => {
    const { world, host } = await worldWithRelease();
    await host.trust.refresh();
    world.clock.advance(LIFETIME_MS.timestamp + 1000);
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-expired' });
    const { repositoryDir, onlineKeys, clock } = world;
    expect(await renew({ repositoryDir, onlineKeys, clock })).not.toBeNull();
    await expect(host.trust.refresh()).resolves.toMatchObject({ rootVersion: 1 });
  });

  test('fast-forward: a timestamp from the far future blocks only until its key is replaced', async () => {
    const { world, host } = await worldWithRelease();
    await forge(world, { timestampVersion: Number.MAX_SAFE_INTEGER });
    await host.trust.refresh();
    world.intruder = null;
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-rollback' });
    const fresh = { ...world.onlineKeys, timestamp: signingKeyOf(generateKeyPem(), 'fresh') };
    const releaseKeys = await loadReleaseKeys(world.keysDir);
    const rootKeys = await loadRootKeys(world.keysDir);
    const root = buildRoot({
      version: 2,
      expiresMs: world.clock.nowMs() + LIFETIME_MS.root,
      roles: {
        root: { keys: rootKeys, threshold: 1 },
        targets: { keys: releaseKeys, threshold: 1 },
        snapshot: { keys: [fresh.snapshot], threshold: 1 },
        timestamp: { keys: [fresh.timestamp], threshold: 1 },
      },
      signers: rootKeys,
    });
    await forge(world, { keys: fresh, snapshotVersion: 40_000_000 });
    const rest = intruderOf(world);
    world.intruder = (request, response) => {
      if (request.url !== '/tuf/metadata/2.root.json') return rest?.(request, response) ?? false;
      response.writeHead(200).end(root);
      return true;
    };
    expect(await host.trust.refresh()).toMatchObject({ rootVersion: 2 });
  });

  test('mix-and-match: a snapshot of another time is refused', async () => {
    const { world, host } = await worldWithRelease();
    const before = await readCurrentState(world.repositoryDir);
    await world.release({ version: '1.0.1' });
    const now = await readCurrentState(world.repositoryDir);
    serve(world, {
      [`/tuf/metadata/${now.snapshot.metadata.signed.version}.snapshot.json`]:
        before.snapshot.bytes,
    });
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-refused' });
  });

  test('endless data: an answer without end is dropped at the limit', async () => {
    const { world, host } = await worldWithRelease();
    for (const path of ['2.root.json', 'timestamp.json']) {
      world.intruder = (request, response) => {
        if (request.url !== `/tuf/metadata/${path}`) return false;
        response.writeHead(200);
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(4096, ' ')));
        };
        response.on('drain', more);
        more();
        return true;
      };
      await expect(host.trust.refresh(), path).rejects.toMatchObject({ code: 'trust-too-large' });
    }
  });

  test('T5: a root of 512 kB is refused unparsed', async () => {
    const { world, host } = await worldWithRelease();
    // Not even JSON: whoever parsed it would say something else than that it is too large.
    serve(world, { '/tuf/metadata/2.root.json': '['.repeat(512_000) });
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-too-large' });
  });

  test('T5: a worker that is kept busy is ended after ten seconds, and the client goes on', async () => {
    const { world, host } = await worldWithRelease();
    const workerPath = join(import.meta.dirname, 'fixtures/worker-that-blocks.ts');
    const clock = new StillClock();
    const trust = trustClientOf(world, host.layout, { workerPath, clock });
    const refreshing = trust.refresh();
    const refused = expect(refreshing).rejects.toMatchObject({ code: 'trust-timeout' });
    while (clock.sleepers < 2) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(TRUST_LIMITS.workerQuietMs);
    await refused;
    await expect(host.trust.refresh()).resolves.toMatchObject({ rootVersion: 1 });
    expect(await readdir(host.layout.trustDir)).toEqual(['trusted.json']);
  });

  test('a worker that ends without an answer is a refusal', async () => {
    const { world, host } = await worldWithRelease();
    const workerPath = join(import.meta.dirname, 'fixtures/worker-that-ends.ts');
    await expect(trustClientOf(world, host.layout, { workerPath }).refresh()).rejects.toMatchObject(
      { code: 'trust-refused' },
    );
  });

  test('T2: metadata with any byte changed is refused or means the same', async () => {
    const { world, host } = await worldWithRelease();
    const state = await readCurrentState(world.repositoryDir);
    const files = {
      'timestamp.json': state.timestamp.bytes,
      [`${state.snapshot.metadata.signed.version}.snapshot.json`]: state.snapshot.bytes,
      '2.targets.json': state.targets.bytes,
      '1.agent-1.json': state.roles.get('agent-1')?.bytes ?? Buffer.alloc(0),
    };
    const wanted = documentOf(await world.release({ version: '1.0.2' }));
    world.intruder = null;
    for (const [name, bytes] of Object.entries(files)) {
      for (let at = 7; at < bytes.length; at += Math.ceil(bytes.length / 6)) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        serve(world, { [`/tuf/metadata/${name}`]: changed });
        const document = await host.trust
          .release({ component: 'agent', version: '1.0.2' })
          .catch((error: unknown) => error);
        const isRefused =
          document instanceof Error && /^trust-/.test(String(Reflect.get(document, 'code')));
        if (!isRefused) expect(document, `${name} at ${at}`).toEqual(wanted);
      }
    }
  });
});

describe('what the client library lets through', () => {
  const SHA = sha256Of('anything');
  const targets: readonly {
    readonly what: string;
    readonly length: number;
    readonly hashes: Record<string, string>;
  }[] = [
    { what: 'a target without hashes', length: 100, hashes: {} },
    { what: 'a target with md5 alone', length: 100, hashes: { md5: '0'.repeat(32) } },
    {
      what: 'a target with md5 beside sha256',
      length: 100,
      hashes: { md5: '0'.repeat(32), sha256: SHA },
    },
    {
      what: 'a target whose sha256 is a path',
      length: 100,
      hashes: { sha256: '../../../etc/passwd' },
    },
    { what: 'a target of length 1e308', length: 1e308, hashes: { sha256: SHA } },
    { what: 'a target of no bytes', length: 0, hashes: { sha256: SHA } },
  ];

  test.each(targets)(
    '$what is refused, though release keys signed it (RL21)',
    async ({ length, hashes }) => {
      const { world, host } = await worldWithRelease();
      const keys = await loadReleaseKeys(world.keysDir);
      const role = roleWith({
        version: 2,
        target: { path: TARGET_PATH, length, hashes },
        keys,
        nowMs: world.clock.nowMs(),
      });
      await forge(world, { roles: { 'agent-1': role } });
      await expect(host.trust.release(WANTED)).rejects.toMatchObject({ code: 'trust-refused' });
    },
  );

  const versions = [2 ** 53, 1e21, 1e308].map((timestampVersion) => ({ timestampVersion }));

  test.each(versions)(
    'a timestamp of version $timestampVersion is refused and not kept (RL21)',
    async (forgery) => {
      const { world, host } = await worldWithRelease();
      await forge(world, forgery);
      await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-refused' });
      world.intruder = null;
      await expect(host.trust.refresh()).resolves.toMatchObject({ rootVersion: 1 });
    },
  );

  test('a snapshot of length 1e308 is refused (RL21)', async () => {
    const { world, host } = await worldWithRelease();
    await forge(world, { snapshotLength: 1e308 });
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-refused' });
  });
});

describe('T1: a coordinator in the wrong hands, with all online keys', () => {
  test('its own release, signed with what it has, is not trusted', async () => {
    const { world, host } = await worldWithRelease();
    const document = encodeReleaseDocument({
      ...documentOf(await world.release({ version: '1.0.1' })),
      version: '6.6.6',
    });
    const path = 'releases/agent/6.6.6.json';
    const hashes = { sha256: sha256Of(document) };
    const { onlineKeys, clock } = world;
    const keys = [onlineKeys.snapshot, onlineKeys.timestamp];
    const role = roleWith({
      version: 3,
      target: { path, length: document.length, hashes },
      keys,
      nowMs: clock.nowMs(),
    });
    for (const name of ['agent-1', 'agent-6', 'targets']) {
      await forge(world, { roles: { [name]: role } });
      const asked = host.trust.release({ component: 'agent', version: '6.6.6' });
      await expect(asked, name).rejects.toMatchObject({
        code: expect.stringMatching(/^(trust-refused|release-unknown)$/),
      });
    }
  });

  test('another document or manifest under the name of a release is not trusted', async () => {
    const { world, host, digest } = await worldWithRelease();
    const other = await world.release({ version: '1.0.1' });
    const state = await readCurrentState(world.repositoryDir);
    const signed =
      state.roles.get('agent-1')?.metadata.signed.targets[TARGET_PATH]?.hashes['sha256'];
    serve(world, {
      [`/tuf/targets/releases/agent/${signed}.1.0.0.json`]: encodeReleaseDocument(
        documentOf(other),
      ),
    });
    await expect(host.trust.release(WANTED)).rejects.toMatchObject({ code: 'trust-refused' });
    serve(world, { [`/blobs/sha256/${digest}`]: other.manifestBytes });
    await expect(host.trust.manifest({ ...WANTED, platform: 'linux-x64' })).rejects.toMatchObject({
      code: 'trust-refused',
    });
  });

  test('a root of its own is not trusted', async () => {
    const { world, host } = await worldWithRelease();
    const own = signingKeyOf(generateKeyPem(), 'own');
    const all = { keys: [own], threshold: 1 };
    const root = buildRoot({
      version: 2,
      expiresMs: world.clock.nowMs() + LIFETIME_MS.root,
      roles: { root: all, targets: all, snapshot: all, timestamp: all },
      signers: [own],
    });
    serve(world, { '/tuf/metadata/2.root.json': root });
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-refused' });
  });
});

describe('what an agent keeps of trust', () => {
  test('a damaged copy gives way to the pinned root (RL23)', async () => {
    const { host } = await worldWithRelease();
    const seen = await host.trust.refresh();
    const path = join(host.layout.trustDir, 'trusted.json');
    const kept = await readFile(path, 'utf8');
    const damaged = [
      '',
      'not JSON',
      kept.slice(0, 500),
      JSON.stringify({ ...JSON.parse(kept), files: { 'root.json': '{}' } }),
      JSON.stringify({
        ...JSON.parse(kept),
        files: { ...JSON.parse(kept).files, '../../evil.json': '{}' },
      }),
      JSON.stringify({
        ...JSON.parse(kept),
        files: { ...JSON.parse(kept).files, 'agent-1.json': 'torn' },
      }),
    ];
    for (const text of damaged) {
      await writeFile(path, text);
      expect(await host.trust.refresh()).toEqual(seen);
    }
  });

  test('without a pinned root nothing is trusted', async () => {
    const { host } = await worldWithRelease();
    await host.trust.refresh();
    await writeFile(host.layout.pinnedRootPath, '{}');
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-root-invalid' });
  });

  test('T21: a clock ten years ahead trusts nothing and leaves no trace, one ten years behind is not believed (RL22)', async () => {
    const { world, host } = await worldWithRelease();
    const nowMs = world.clock.nowMs();
    await host.trust.refresh();
    world.clock.set(nowMs + 3650 * DAY_MS);
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-expired' });
    world.clock.set(nowMs);
    await expect(host.trust.refresh()).resolves.toMatchObject({ rootVersion: 1 });
    // Valid by the clock of ten years ago, and by no later one.
    world.clock.set(nowMs - 3650 * DAY_MS);
    await forge(world, { expiresMs: nowMs - 100 * DAY_MS });
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-expired' });
  });

  test('what a killed process left behind is removed', async () => {
    const { host } = await worldWithRelease();
    await mkdir(join(host.layout.trustDir, 'work.999999999.left.x'), { recursive: true });
    await host.trust.refresh();
    expect(await readdir(host.layout.trustDir)).toEqual(['trusted.json']);
  });
});
