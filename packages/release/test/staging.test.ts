import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { versionsDirOf } from '@moult/core/layout';
import { describe, expect, test } from 'vitest';
import { keepingsIn } from '../src/kept-files.ts';
import { clearStaging, type Staged, stageSlot, verifySlot } from '../src/slot.ts';
import type { VerifiedManifest } from '../src/trust-client.ts';
import { StillClock } from './support/clock.ts';
import type { SmallRelease } from './support/release-tree.ts';
import { type Host, newHost, startWorld, type World } from './support/world.ts';

async function verified(host: Host, release: SmallRelease): Promise<VerifiedManifest> {
  const { component, version, platform } = release.manifest;
  return host.trust.manifest({ component, version, platform });
}

/** A promise to resolve from outside. */
function signalled(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

interface StageMore {
  readonly signal?: AbortSignal;
  readonly clock?: StillClock;
  readonly onProgress?: () => void;
}

async function stage(
  world: World,
  host: Host,
  release: SmallRelease,
  more: StageMore = {},
): Promise<Staged> {
  const manifest = await verified(host, release);
  return stageVerified(world, host, manifest, more);
}

function stageVerified(
  world: World,
  host: Host,
  manifest: VerifiedManifest,
  more: StageMore = {},
): Promise<Staged> {
  return stageSlot({
    manifest,
    layout: host.layout,
    baseUrl: world.baseUrl,
    way: async () => ({ ca: null, proxy: null }),
    clock: world.clock,
    signal: new AbortController().signal,
    ...more,
  });
}

function blobRequests(
  world: World,
): readonly { readonly path: string; readonly range: string | null }[] {
  return world.requests.filter(({ path }) => path.startsWith('/blobs/'));
}

describe('staging a slot', () => {
  test('a published release becomes a sound slot, file by file (RL30)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({ version: '1.0.0' });
    const staged = await stage(world, host, release);
    expect(staged.slot).toEqual({
      version: '1.0.0',
      digest: release.digest,
      dir: `1.0.0-${release.digest.slice(0, 8)}`,
    });
    expect(staged).toMatchObject({ isReused: false, blobsFetched: 3, blobsLinked: 0 });
    expect(await verifySlot({ dir: staged.slotDir, digest: release.digest })).toMatchObject({
      kind: 'sound',
    });
    expect((await stat(join(staged.slotDir, 'bin/node'))).mode & 0o777).toBe(0o755);
    expect((await readdir(host.layout.stagingDir)).sort()).toEqual(['partial']);
    expect(await readdir(join(host.layout.stagingDir, 'partial'))).toEqual([]);
  });
});

describe('what is fetched', () => {
  test('only blobs that no local slot has, the others are links (RL31)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    await stage(world, host, await world.release({ version: '1.0.0' }));
    const next = await world.release({ version: '1.0.1' });
    const before = blobRequests(world).length;
    const staged = await stage(world, host, next);
    expect(staged).toMatchObject({ blobsFetched: 1, blobsLinked: 2, blobsCopied: 0 });
    const script = next.manifest.files.find((file) => file.path === 'lib/agent.cjs');
    expect(staged.bytesFetched).toBe(script?.length);
    expect(
      blobRequests(world)
        .slice(before)
        .map(({ path }) => path),
    ).toEqual([`/blobs/sha256/${next.digest}`, `/blobs/sha256/${script?.sha256}`]);
  });

  test('a launcher shares no inode with any other slot (RL32)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const agent = await stage(world, host, await world.release({ version: '1.0.0' }));
    const launcher = await stage(
      world,
      host,
      await world.release({ version: '1.0.0', component: 'launcher' }),
    );
    expect(launcher).toMatchObject({ blobsLinked: 0, blobsCopied: 2, blobsFetched: 1 });
    const [one, other] = [
      await stat(join(agent.slotDir, 'bin/node')),
      await stat(join(launcher.slotDir, 'bin/node')),
    ];
    expect(one.ino).not.toBe(other.ino);
    expect(other.nlink).toBe(1);
  });

  test('an agent copies what only a launcher has (RL32)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    await stage(world, host, await world.release({ version: '1.0.0', component: 'launcher' }));
    const agent = await stage(world, host, await world.release({ version: '1.0.0' }));
    expect(agent).toMatchObject({ blobsLinked: 0, blobsCopied: 2, blobsFetched: 1 });
    expect((await stat(join(agent.slotDir, 'bin/node'))).nlink).toBe(1);
  });

  test('a local file that was changed is fetched anew, and the other slot is left as it is (RL31)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const first = await stage(world, host, await world.release({ version: '1.0.0' }));
    const path = join(first.slotDir, 'bin/node');
    const { length } = await readFile(path);
    await writeFile(path, 'x'.repeat(length));
    const next = await world.release({ version: '1.0.1' });
    const staged = await stage(world, host, next);
    expect(staged).toMatchObject({ blobsFetched: 2, blobsLinked: 1 });
    expect(await verifySlot({ dir: staged.slotDir, digest: next.digest })).toMatchObject({
      kind: 'sound',
    });
    expect(await readFile(path, 'utf8')).toBe('x'.repeat(length));
    expect(await verifySlot({ dir: first.slotDir, digest: first.slot.digest })).toMatchObject({
      kind: 'unsound',
      path: 'bin/node',
    });
  });

  test('a fetch that was cut goes on where it stopped (RL33)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({
      version: '1.0.0',
      files: { 'lib/large.bin': 'large '.repeat(40_000) },
    });
    const large = release.manifest.files.find((file) => file.path === 'lib/large.bin');
    const manifest = await verified(host, release);
    const bytes = await readFile(world.blobStore.pathOf(large?.sha256 ?? ''));
    world.intruder = (request, response) => {
      if (!request.url?.endsWith(large?.sha256 ?? '-')) return false;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 100_000), () => setImmediate(() => response.destroy()));
      return true;
    };
    await expect(stageVerified(world, host, manifest)).rejects.toMatchObject({
      code: 'fetch-failed',
      retryable: true,
    });
    world.intruder = null;
    const staged = await stageVerified(world, host, manifest);
    const resumed =
      world.requests.at(-1)?.range === null
        ? world.requests.find(({ range }) => range !== null)
        : world.requests.at(-1);
    const from = Number(/^bytes=(\d+)-$/.exec(resumed?.range ?? '')?.[1]);
    expect(from).toBeGreaterThan(0);
    expect(from).toBeLessThanOrEqual(100_000);
    expect(await verifySlot({ dir: staged.slotDir, digest: release.digest })).toMatchObject({
      kind: 'sound',
    });
  });

  test('a damaged partial blob costs one fetch more, no failure (RL33)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({ version: '1.0.0' });
    const program = release.manifest.files.find((file) => file.path === 'bin/node');
    const partialDir = join(host.layout.stagingDir, 'partial');
    await mkdir(partialDir, { recursive: true });
    for (const partial of ['damaged', 'x'.repeat(1_000_000), 'y'.repeat(program?.length ?? 0)]) {
      await writeFile(join(partialDir, `${program?.sha256}.part`), partial);
      const staged = await stage(world, host, release);
      expect(await verifySlot({ dir: staged.slotDir, digest: release.digest })).toMatchObject({
        kind: 'sound',
      });
      await rm(staged.slotDir, { recursive: true });
    }
  });

  test('what a killed process was fetching is taken over (RL33)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({ version: '1.0.0' });
    const program = release.manifest.files.find((file) => file.path === 'bin/node');
    const partialDir = join(host.layout.stagingDir, 'partial');
    await mkdir(partialDir, { recursive: true });
    const whole = await readFile(world.blobStore.pathOf(program?.sha256 ?? ''));
    await writeFile(
      join(partialDir, `${program?.sha256}.999999999.gone.x`),
      whole.subarray(0, 5000),
    );
    await stage(world, host, release);
    expect(world.requests.map(({ range }) => range)).toContain('bytes=5000-');
    expect(await readdir(partialDir)).toEqual([]);
  });
});

describe('a server that cannot be trusted', () => {
  const answers: readonly {
    readonly what: string;
    readonly code: string;
    readonly status: number;
    readonly headers?: Record<string, string>;
    readonly body?: Buffer;
  }[] = [
    { what: 'other bytes', code: 'fetch-mismatch', status: 200, body: Buffer.from('evil') },
    {
      what: 'more bytes than were signed',
      code: 'fetch-mismatch',
      status: 200,
      body: Buffer.alloc(1_000_000),
    },
    {
      what: 'a redirect',
      code: 'fetch-refused',
      status: 302,
      headers: { location: 'http://127.0.0.1:1/' },
    },
    {
      what: 'a range that nobody asked for',
      code: 'fetch-refused',
      status: 206,
      headers: { 'content-range': 'bytes 5-9/10' },
      body: Buffer.from('12345'),
    },
    { what: 'no such blob', code: 'blob-missing', status: 404 },
    { what: 'an error', code: 'fetch-failed', status: 500 },
    { what: 'too many requests', code: 'fetch-failed', status: 429 },
  ];

  test.each(answers)(
    '$what: $code, no slot, and a later try succeeds (RL34)',
    async ({ code, status, headers, body }) => {
      const world = await startWorld();
      const host = await newHost(world);
      const release = await world.release({ version: '1.0.0' });
      const manifest = await verified(host, release);
      world.intruder = (_request, response) => {
        response
          .writeHead(status, headers)
          .end(status === 200 && body?.length === 4 ? Buffer.alloc(10, 'evil') : body);
        return true;
      };
      await expect(stageVerified(world, host, manifest)).rejects.toMatchObject({
        code: expect.stringMatching(code === 'fetch-mismatch' ? /^fetch-(mismatch|failed)$/ : code),
        retryable: true,
      });
      expect(await readdir(versionsDirOf(host.layout, 'agent')).catch(() => [])).toEqual([]);
      world.intruder = null;
      await expect(stageVerified(world, host, manifest)).resolves.toMatchObject({
        isReused: false,
      });
    },
  );

  test('bytes of the right length and wrong content are dropped and named (RL34)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({ version: '1.0.0', files: {} });
    const manifest = await verified(host, release);
    world.intruder = (request, response) => {
      const file = release.manifest.files.find(({ sha256 }) => request.url?.endsWith(sha256));
      response.writeHead(200).end(Buffer.alloc(file?.length ?? 0, 'e'));
      return true;
    };
    await expect(stageVerified(world, host, manifest)).rejects.toMatchObject({
      code: 'fetch-mismatch',
    });
    for (const name of await readdir(join(host.layout.stagingDir, 'partial'))) {
      expect((await stat(join(host.layout.stagingDir, 'partial', name))).size, name).toBe(0);
    }
  });

  test('a line below 1 KiB/s is given up after a minute, and what came is kept (RL34)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({ version: '1.0.0' });
    const manifest = await verified(host, release);
    world.intruder = (_request, response) => {
      response.writeHead(200);
      response.write('1');
      return true;
    };
    const clock = new StillClock();
    const progressed = signalled();
    let count = 0;
    const staging = stageVerified(world, host, manifest, {
      clock,
      onProgress: () => {
        count += 1;
        if (count === 3) progressed.resolve();
      },
    });
    const refused = expect(staging).rejects.toMatchObject({
      code: 'fetch-stalled',
      retryable: true,
    });
    await progressed.promise;
    clock.advance(60_000);
    await refused;
    expect((await readdir(join(host.layout.stagingDir, 'partial'))).length).toBe(3);
  });

  test('staging as a whole has a deadline (RL34)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const manifest = await verified(host, await world.release({ version: '1.0.0' }));
    const clock = new StillClock();
    const asked = signalled();
    world.intruder = () => {
      asked.resolve();
      return true;
    };
    const staging = stageVerified(world, host, manifest, { clock });
    const refused = expect(staging).rejects.toMatchObject({
      code: expect.stringMatching(/^fetch-(deadline|stalled)$/),
    });
    await asked.promise;
    clock.advance(2 * 3_600_000);
    await refused;
  });

  test('an abort ends it with the reason given, and leaves no tree', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const manifest = await verified(host, await world.release({ version: '1.0.0' }));
    const stop = new AbortController();
    world.intruder = () => {
      stop.abort(new Error('cancelled by an operator'));
      return true;
    };
    await expect(stageVerified(world, host, manifest, { signal: stop.signal })).rejects.toThrow(
      'cancelled by an operator',
    );
    expect(await readdir(host.layout.stagingDir)).toEqual(['partial']);
  });
});

describe('slots that are there already', () => {
  test('a sound one is recognised and nothing is fetched (RL35)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({ version: '1.0.0' });
    const manifest = await verified(host, release);
    const first = await stageVerified(world, host, manifest);
    const before = world.requests.length;
    expect(await stageVerified(world, host, manifest)).toEqual({
      ...first,
      isReused: true,
      bytesFetched: 0,
      blobsFetched: 0,
    });
    expect(world.requests.length).toBe(before);
  });

  const faults: readonly {
    readonly what: string;
    readonly harm: (dir: string) => Promise<unknown>;
  }[] = [
    { what: 'a changed file', harm: (dir) => writeFile(join(dir, 'LICENSE'), 'Apache-9.9\n') },
    { what: 'a missing file', harm: (dir) => rm(join(dir, 'LICENSE')) },
    { what: 'a file more', harm: (dir) => writeFile(join(dir, 'lib/evil.cjs'), '') },
    { what: 'a directory more', harm: (dir) => mkdir(join(dir, 'evil')) },
    {
      what: 'a link for a file',
      harm: (dir) =>
        rm(join(dir, 'LICENSE')).then(() => rename(join(dir, 'lib'), join(dir, 'LICENSE'))),
    },
    { what: 'a program that cannot be run', harm: (dir) => chmod(join(dir, 'bin/node'), 0o644) },
    { what: 'a file that everybody may write', harm: (dir) => chmod(join(dir, 'LICENSE'), 0o666) },
    { what: 'a set-user-id file', harm: (dir) => chmod(join(dir, 'bin/node'), 0o4755) },
    { what: 'another manifest', harm: (dir) => writeFile(join(dir, 'manifest.json'), '{}') },
    { what: 'no manifest', harm: (dir) => rm(join(dir, 'manifest.json')) },
  ];

  test.each(faults)(
    'one with $what is found, kept aside, and made anew (RL35)',
    async ({ harm }) => {
      const world = await startWorld();
      const host = await newHost(world);
      const release = await world.release({ version: '1.0.0' });
      const { slotDir } = await stage(world, host, release);
      await harm(slotDir);
      expect(await verifySlot({ dir: slotDir, digest: release.digest })).toMatchObject({
        kind: 'unsound',
      });
      expect(await stage(world, host, release)).toMatchObject({ isReused: false });
      expect(await verifySlot({ dir: slotDir, digest: release.digest })).toMatchObject({
        kind: 'sound',
      });
      expect(await readdir(host.layout.stagingDir)).toEqual(['partial']);
      expect((await keepingsIn(host.layout.keptDir)).length).toBe(1);
      await clearStaging(host.layout);
      expect(await stage(world, host, release)).toMatchObject({ isReused: true });
    },
  );

  test('one that is not sound stays where it is until the new tree is complete (RL35)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({ version: '1.0.0' });
    const manifest = await verified(host, release);
    const { slotDir } = await stageVerified(world, host, manifest);
    await writeFile(join(slotDir, 'LICENSE'), 'mine\n');
    world.intruder = (_request, response) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(stageVerified(world, host, manifest)).rejects.toMatchObject({
      code: 'fetch-failed',
    });
    expect(await readFile(join(slotDir, 'LICENSE'), 'utf8')).toBe('mine\n');
    expect(await keepingsIn(host.layout.keptDir)).toEqual([]);
  });

  test('two stagings of one release at once give one sound slot (RL36)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({ version: '1.0.0' });
    const manifest = await verified(host, release);
    const both = await Promise.all([
      stageVerified(world, host, manifest),
      stageVerified(world, host, manifest),
    ]);
    expect(new Set(both.map(({ slotDir }) => slotDir)).size).toBe(1);
    expect(await verifySlot({ dir: both[0]?.slotDir ?? '', digest: release.digest })).toMatchObject(
      { kind: 'sound' },
    );
    expect(await readdir(join(host.layout.stagingDir, 'partial'))).toEqual([]);
  });

  test('T7: files swapped while they are staged never become a slot (RL37)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({ version: '1.0.0' });
    const manifest = await verified(host, release);
    const evil = join(world.dir, 'evil');
    const { length } = await readFile(join(release.treeDir, 'lib/agent.cjs'));
    await writeFile(evil, 'e'.repeat(length));
    let isSwapping = true;
    const swapper = (async () => {
      for (let round = 0; isSwapping; round += 1) {
        const trees = (await readdir(host.layout.stagingDir).catch(() => [])).filter((name) =>
          name.startsWith('tree.'),
        );
        for (const tree of trees) {
          const path = join(host.layout.stagingDir, tree, 'lib/agent.cjs');
          await copyFile(evil, `${evil}-${round}`);
          if ((await lstat(path).catch(() => null)) !== null)
            await rename(`${evil}-${round}`, path).catch(() => undefined);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const ends = { refused: 0, staged: 0 };
    for (let install = 0; install < 60; install += 1) {
      try {
        const { slotDir } = await stageVerified(world, host, manifest);
        expect(await verifySlot({ dir: slotDir, digest: release.digest })).toMatchObject({
          kind: 'sound',
        });
        await rm(slotDir, { recursive: true });
        ends.staged += 1;
      } catch (error) {
        expect(Reflect.get(Object(error), 'code')).toBe('slot-tampered');
        expect(await readdir(versionsDirOf(host.layout, 'agent')).catch(() => [])).toEqual([]);
        ends.refused += 1;
      }
    }
    isSwapping = false;
    await swapper;
    expect(ends.refused).toBeGreaterThan(0);
  });
});
