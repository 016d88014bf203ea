import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CodedError } from '@moult/core/errors';
import type { Platform } from '@moult/core/platform';
import { cleanEnvironment, environmentVariable } from '@moult/runtime/environment';
import { extract } from 'tar';

/** The runtime that releases ship; a fixed version, so that most releases share the blob. */
export const RUNTIME_VERSION = '24.21.0';

const PROGRAM = 'bin/node';
const LICENSE = 'LICENSE';

export interface Runtime {
  readonly programPath: string;
  readonly licensePath: string;
}

interface RuntimeOptions {
  readonly platform: Platform;
  readonly repositoryDir: string;
  readonly cacheDir: string;
  readonly signal?: AbortSignal;
  readonly onNotice?: (line: string) => void;
}

/**
 * The runtime for a platform: from node_modules when it was installed for this machine, else from the cache, else
 * from the package registry, checked against the lockfile. Throws `runtime-unavailable`.
 */
export async function runtimeOf(options: RuntimeOptions): Promise<Runtime> {
  const packageName = `node-${options.platform}`;
  const installed = await runtimeIn(join(options.repositoryDir, 'node_modules', packageName));
  if (installed !== null) return installed;
  const dir = join(options.cacheDir, `${packageName}-${RUNTIME_VERSION}`);
  const cached = await runtimeIn(dir);
  if (cached !== null) return cached;
  options.onNotice?.(`Fetching the runtime for ${options.platform} (Node ${RUNTIME_VERSION}) …`);
  await mkdir(options.cacheDir, { recursive: true });
  const apart = await mkdtemp(join(options.cacheDir, 'fetch-'));
  try {
    const archivePath = await fetchPackage(packageName, apart, options.signal);
    await requireIntegrity(archivePath, { packageName, repositoryDir: options.repositoryDir });
    const treeDir = join(apart, 'tree');
    await mkdir(treeDir);
    const wanted = [`package/${PROGRAM}`, `package/${LICENSE}`, 'package/package.json'];
    await extract({
      file: archivePath,
      cwd: treeDir,
      strip: 1,
      strict: true,
      preserveOwner: false,
      filter: (path, entry) => wanted.includes(path) && 'type' in entry && entry.type === 'File',
    });
    await rename(treeDir, dir).catch(async (cause) => {
      // Another build put it there meanwhile.
      if ((await runtimeIn(dir)) === null) throw cause;
    });
  } finally {
    await rm(apart, { recursive: true, force: true });
  }
  const fetched = await runtimeIn(dir);
  if (fetched === null)
    throw new CodedError('runtime-unavailable', `${packageName} holds no runtime`);
  return fetched;
}

async function runtimeIn(dir: string): Promise<Runtime | null> {
  try {
    const { version } = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8'));
    if (version !== RUNTIME_VERSION) return null;
    const runtime = { programPath: join(dir, PROGRAM), licensePath: join(dir, LICENSE) };
    await access(runtime.programPath);
    await access(runtime.licensePath);
    return runtime;
  } catch {
    return null;
  }
}

/** Settings of the registry that npm reads from the environment, and a clean environment would lose. */
const NPM_SETTINGS = [
  'npm_config_registry',
  'NPM_CONFIG_REGISTRY',
  'npm_config_userconfig',
  'HTTPS_PROXY',
  'NODE_EXTRA_CA_CERTS',
];

async function fetchPackage(
  packageName: string,
  dir: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const settings: Record<string, string> = {};
  for (const name of NPM_SETTINGS) {
    const value = environmentVariable(name);
    if (value !== null) settings[name] = value;
  }
  try {
    await promisify(execFile)(
      'npm',
      [
        'pack',
        `${packageName}@${RUNTIME_VERSION}`,
        '--pack-destination',
        dir,
        '--ignore-scripts',
        '--silent',
      ],
      { cwd: dir, env: cleanEnvironment(settings), ...(signal === undefined ? {} : { signal }) },
    );
  } catch (cause) {
    throw new CodedError(
      'runtime-unavailable',
      `npm cannot fetch ${packageName} ${RUNTIME_VERSION}`,
      { cause },
    );
  }
  const archive = (await readdir(dir)).find((name) => name.endsWith('.tgz'));
  if (archive === undefined)
    throw new CodedError('runtime-unavailable', `npm fetched no ${packageName}`);
  return join(dir, archive);
}

async function requireIntegrity(
  archivePath: string,
  what: { readonly packageName: string; readonly repositoryDir: string },
): Promise<void> {
  const lock = JSON.parse(await readFile(join(what.repositoryDir, 'package-lock.json'), 'utf8'));
  const locked = lock.packages?.[`node_modules/${what.packageName}`];
  const found = `sha512-${createHash('sha512')
    .update(await readFile(archivePath))
    .digest('base64')}`;
  if (locked?.version === RUNTIME_VERSION && locked.integrity === found) return;
  throw new CodedError('runtime-unavailable', `${what.packageName} is not what the lockfile names`);
}
