/* A coordinator's half that serves releases over real loopback HTTP, and a host that trusts its root. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { type Layout, layoutOf } from '@moult/core/layout';
import type { ReleaseDocument } from '@moult/core/release-document';
import { afterAll } from 'vitest';
import { type BlobStore, openBlobStore } from '../../src/blob-store.ts';
import { importTree } from '../../src/import-tree.ts';
import { initKeys, loadOnlineKeys, loadReleaseKeys, type OnlineKeys } from '../../src/keys.ts';
import {
  initRepository,
  publish,
  readCurrentState,
  servedDirOf,
  signRelease,
} from '../../src/repository.ts';
import { TrustClient } from '../../src/trust-client.ts';
import { StillClock } from './clock.ts';
import { type SmallRelease, smallRelease, temporaryDir } from './release-tree.ts';

/** Answers a request itself, or leaves it to the files by returning false. */
export type Intruder = (
  request: IncomingMessage,
  response: ServerResponse,
) => boolean | Promise<boolean>;

export interface World {
  readonly dir: string;
  readonly keysDir: string;
  readonly repositoryDir: string;
  readonly blobStore: BlobStore;
  /** Those that the live root names. */
  onlineKeys: OnlineKeys;
  readonly clock: StillClock;
  readonly baseUrl: string;
  /** Paths asked for, oldest first. */
  readonly requests: { readonly path: string; readonly range: string | null }[];
  intruder: Intruder | null;
  release(options: {
    readonly version: string;
    readonly component?: 'agent' | 'launcher';
    readonly files?: Readonly<Record<string, string>>;
  }): Promise<SmallRelease>;
}

export const WORKER_PATH = join(import.meta.dirname, 'trust-worker.mjs');

export async function startWorld(): Promise<World> {
  const dir = await temporaryDir();
  const clock = new StillClock();
  const keysDir = join(dir, 'keys');
  const keys = await initKeys({ dir: keysDir, clock });
  const root = await readFile(keys.rootPath, 'utf8');
  const onlineKeys = await loadOnlineKeys(keysDir, root);
  const repositoryDir = join(dir, 'repository');
  const blobStore = await openBlobStore(join(dir, 'blobs'));
  await initRepository({
    repositoryDir,
    onlineKeys,
    clock,
    roots: [root],
    targets: await readFile(keys.targetsPath, 'utf8'),
  });
  const requests: World['requests'] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/');
    requests.push({ path, range: request.headers.range ?? null });
    answer(request, response, path).catch((error: unknown) => response.destroy(error as Error));
  });
  const answer = async (request: IncomingMessage, response: ServerResponse, path: string) => {
    if (world.intruder !== null && (await world.intruder(request, response))) return;
    const filePath = path.startsWith('/blobs/sha256/')
      ? blobStore.pathOf(path.slice('/blobs/sha256/'.length))
      : join(servedDirOf(repositoryDir), path.replace(/^\/tuf/, ''));
    const bytes = await readFile(filePath).catch(() => null);
    if (bytes === null) {
      response.writeHead(404).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (range !== null) {
      const from = Number(range[1]);
      const to = range[2] ? Number(range[2]) : bytes.length - 1;
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}` });
      response.end(bytes.subarray(from, to + 1));
      return;
    }
    response.writeHead(200).end(bytes);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const world: World = {
    dir,
    keysDir,
    repositoryDir,
    blobStore,
    onlineKeys,
    clock,
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    intruder: null,
    release: async (options) => {
      const release = await smallRelease({ dir: join(dir, 'trees'), ...options });
      await importTree(release, blobStore);
      await publishRelease(world, release);
      return release;
    },
  };
  return world;
}

export function documentOf(release: SmallRelease): ReleaseDocument {
  const { component, version, platform } = release.manifest;
  return {
    format: 1,
    component,
    version,
    manifests: { [platform]: { sha256: release.digest, length: release.manifestBytes.length } },
  };
}

export async function signedSubmission(
  world: World,
  release: SmallRelease,
  document = documentOf(release),
) {
  const state = await readCurrentState(world.repositoryDir);
  const { component, version } = release.manifest;
  return signRelease({
    keys: await loadReleaseKeys(world.keysDir),
    root: state.root.bytes.toString(),
    currentTargets: state.targets.bytes.toString(),
    currentRole: state.roles.get(`${component}-${version.split('.')[0]}`)?.bytes.toString() ?? null,
    document,
    nowMs: world.clock.nowMs(),
  });
}

export async function publishRelease(world: World, release: SmallRelease) {
  const submission = await signedSubmission(world, release);
  const { repositoryDir, onlineKeys, clock, blobStore } = world;
  return publish({ repositoryDir, onlineKeys, clock, blobStore, submission });
}

export interface Host {
  readonly layout: Layout;
  readonly trust: TrustClient;
}

let hosts = 0;

export async function newHost(
  world: World,
  options: { readonly workerPath?: string } = {},
): Promise<Host> {
  hosts += 1;
  const layout = layoutOf(join(world.dir, `host ${hosts}`));
  await mkdir(dirname(layout.pinnedRootPath), { recursive: true });
  await writeFile(layout.pinnedRootPath, await readFile(join(world.keysDir, 'root.json')));
  return { layout, trust: trustClientOf(world, layout, options) };
}

export function trustClientOf(
  world: World,
  layout: Layout,
  options: { readonly workerPath?: string; readonly clock?: StillClock } = {},
): TrustClient {
  return new TrustClient({
    trustDir: layout.trustDir,
    pinnedRootPath: layout.pinnedRootPath,
    baseUrl: world.baseUrl,
    way: async () => ({ ca: null, proxy: null }),
    workerPath: options.workerPath ?? WORKER_PATH,
    clock: options.clock ?? world.clock,
  });
}
