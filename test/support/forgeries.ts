/*
 * What a coordinator in the wrong hands can make of its repository with both online keys, and without release and root
 * keys: each forgery would run a program of the attacker's if the agent let it through.
 */
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { encodeManifest, type Manifest, parseManifest } from '@moult/core/manifest';
import { type ReleaseDocument, targetPathOf } from '@moult/core/release-document';
import { buildRoot, loadOnlineKeys, type OnlineKeys, type SigningKey } from '@moult/release/keys';
import { type RepositoryState, readCurrentState, signRelease } from '@moult/release/repository';
import { systemRepositoryDisk } from '../../packages/release/src/repository-disk.ts';
import { writeState } from '../../packages/release/src/repository-write.ts';
import { generateKeyPem, signingKeyOf } from '../../packages/release/src/signing-key.ts';
import { HERE } from '../../scripts/fleet/releases.ts';
import { sha256Of } from './sha256.ts';

/** What the attacker has. */
export interface Loot {
  readonly repositoryDir: string;
  readonly blobsDir: string;
  readonly keysDir: string;
  /** Online keys of another time than the live root's. */
  readonly onlineKeys?: OnlineKeys;
  /** A genuine, published release of the agent. */
  readonly genuine: { readonly version: string; readonly digest: string };
  /** Written by the attacker's program, should it ever run. */
  readonly markPath: string;
}

export interface Forged {
  /** Holds `metadata` and `targets`. */
  readonly tufDir: string;
  readonly blobsDir: string;
  /** What hosts are ordered to install. */
  readonly version: string;
}

interface Bench extends Loot {
  readonly state: RepositoryState;
  readonly keys: OnlineKeys;
  /** A key that the attacker made. */
  readonly ownKey: SigningKey;
  readonly dir: string;
  readonly ownBlobsDir: string;
}

export type Forgery = (bench: Bench) => Promise<Forged>;

const FORGED_VERSION = '1.66.0';

export const FORGERIES: Readonly<Record<string, Forgery>> = {
  'a release signed with a key of its own': (bench) => forgedRelease(bench, [bench.ownKey]),
  'a release signed with the online keys': (bench) =>
    forgedRelease(bench, [bench.keys.snapshot, bench.keys.timestamp]),
  'a release that nobody signed': (bench) => forgedRelease(bench, []),
  'delegations to a key of its own': async (bench) => {
    const document = await forgedDocument(bench);
    const ownRoot = rootFor(bench, 1);
    const signed = signRelease({
      keys: [bench.ownKey],
      root: ownRoot.toString(),
      currentTargets: bench.state.targets.bytes.toString(),
      currentRole: null,
      document,
      nowMs: Date.now(),
    });
    if (signed.targets === null) throw new Error('the forged targets delegate nothing');
    return await published(bench, { ...signed, targets: signed.targets });
  },
  'a root of its own': async (bench) => {
    const document = await forgedDocument(bench);
    const root = rootFor(bench, 2);
    const signed = signRelease({
      keys: [bench.ownKey],
      root: root.toString(),
      currentTargets: bench.state.targets.bytes.toString(),
      currentRole: null,
      document,
      nowMs: Date.now(),
    });
    return await published(bench, { ...signed, root });
  },
  'a root of half a megabyte': async (bench) => {
    const root = Buffer.from(`{"signed":${'['.repeat(262_144)}${']'.repeat(262_144)}}`);
    return { ...(await published(bench, { root })), version: bench.genuine.version };
  },
  'another program in the place of a genuine one': async (bench) => {
    const manifest = await genuineManifest(bench);
    const script = manifest.files.find(({ path }) => path === manifest.script);
    if (script === undefined) throw new Error('the release has no script');
    const bytes = Buffer.alloc(script.length, ' ');
    bytes.write(attackProgram(bench));
    await placeBlob(bench, script.sha256, bytes);
    return { ...(await published(bench, {})), version: bench.genuine.version };
  },
  'another manifest in the place of a genuine one': async (bench) => {
    await placeBlob(bench, bench.genuine.digest, Buffer.from(await forgedManifest(bench)));
    return { ...(await published(bench, {})), version: bench.genuine.version };
  },
};

/** Makes one in a directory of its own; what was looted stays as it is. */
export async function forge(forgery: Forgery, loot: Loot, dir: string): Promise<Forged> {
  const ownBlobsDir = join(dir, 'blobs');
  await linkTree(join(loot.blobsDir, 'sha256'), join(ownBlobsDir, 'sha256'));
  const state = await readCurrentState(loot.repositoryDir);
  return await forgery({
    ...loot,
    dir,
    ownBlobsDir,
    state,
    keys: loot.onlineKeys ?? (await loadOnlineKeys(loot.keysDir, state.root.metadata)),
    ownKey: signingKeyOf(generateKeyPem(), 'the attacker’s key'),
  });
}

/** A release of the attacker's program, signed with these keys. */
export async function forgedRelease(bench: Bench, keys: readonly SigningKey[]): Promise<Forged> {
  const document = await forgedDocument(bench);
  const signed = signRelease({
    keys,
    root: bench.state.root.bytes.toString(),
    currentTargets: bench.state.targets.bytes.toString(),
    currentRole: bench.state.roles.get('agent-1')?.bytes.toString() ?? null,
    document,
    nowMs: Date.now(),
  });
  return await published(bench, signed);
}

interface Publication {
  readonly document?: string;
  readonly roleName?: string;
  readonly role?: string;
  readonly targets?: string | null;
  readonly root?: Buffer;
}

/** Signs snapshot and timestamp for it, with the real online keys. */
async function published(bench: Bench, what: Publication): Promise<Forged> {
  const tufDir = join(bench.dir, 'tuf');
  const roles = [
    { name: what.roleName ?? '', text: what.role ?? null },
    { name: 'targets', text: what.targets ?? null },
  ].flatMap(({ name, text }) =>
    text === null
      ? []
      : [{ name, bytes: Buffer.from(text), version: JSON.parse(text).signed.version as number }],
  );
  const path = targetPathOf('agent', FORGED_VERSION);
  const documents =
    what.document === undefined
      ? []
      : [
          {
            path: join(dirname(path), `${sha256Of(what.document)}.${FORGED_VERSION}.json`),
            bytes: Buffer.from(what.document),
          },
        ];
  await writeState({
    dir: tufDir,
    before: bench.state,
    roots: what.root === undefined ? [] : [{ bytes: what.root, version: 2 }],
    roles,
    documents,
    onlineKeys: bench.keys,
    nowMs: Date.now(),
    disk: systemRepositoryDisk,
  });
  return { tufDir, blobsDir: bench.ownBlobsDir, version: FORGED_VERSION };
}

/** The attacker's key in every role but those whose keys it has. */
function rootFor(bench: Bench, version: number): Buffer {
  const own = { keys: [bench.ownKey], threshold: 1 };
  return buildRoot({
    version,
    expiresMs: Date.now() + 31_536_000_000,
    roles: {
      root: own,
      targets: own,
      snapshot: { keys: [bench.keys.snapshot], threshold: 1 },
      timestamp: { keys: [bench.keys.timestamp], threshold: 1 },
    },
    signers: [bench.ownKey],
  });
}

async function forgedDocument(bench: Bench): Promise<ReleaseDocument> {
  const manifest = await forgedManifest(bench);
  const sha256 = sha256Of(manifest);
  await placeBlob(bench, sha256, Buffer.from(manifest));
  return {
    format: 1,
    component: 'agent',
    version: FORGED_VERSION,
    manifests: { [HERE]: { sha256, length: Buffer.byteLength(manifest) } },
  };
}

async function forgedManifest(bench: Bench): Promise<string> {
  const manifest = await genuineManifest(bench);
  const program = Buffer.from(attackProgram(bench));
  const sha256 = sha256Of(program);
  await placeBlob(bench, sha256, program);
  return encodeManifest({
    ...manifest,
    version: FORGED_VERSION,
    files: manifest.files.map((file) =>
      file.path === manifest.script ? { ...file, sha256, length: program.length } : file,
    ),
  });
}

async function genuineManifest(bench: Bench): Promise<Manifest> {
  const { digest } = bench.genuine;
  const path = join(bench.blobsDir, 'sha256', digest.slice(0, 2), digest);
  return parseManifest(await readFile(path, 'utf8'));
}

function attackProgram({ markPath }: Bench): string {
  return `require('node:fs').writeFileSync(${JSON.stringify(markPath)}, 'taken over');\n`;
}

async function placeBlob(bench: Bench, sha256: string, bytes: Buffer): Promise<void> {
  const path = join(bench.ownBlobsDir, 'sha256', sha256.slice(0, 2), sha256);
  await mkdir(dirname(path), { recursive: true });
  // Not through the link: the genuine blob is one file with it.
  await rm(path, { force: true });
  await writeFile(path, bytes);
}

async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.isDirectory()) await linkTree(join(from, entry.name), join(to, entry.name));
    else await link(join(from, entry.name), join(to, entry.name));
  }
}
