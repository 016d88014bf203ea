/*
 * A published state: `metadata/` and `targets/` below one directory, which nothing changes once it is live.
 *
 *   <repository>/current -> states/<number>-<id>        swapped in one step; static servers serve what is below it
 *   states/<…>/metadata/  N.root.json  N.targets.json  N.<component>-<major>.json  N.snapshot.json  timestamp.json
 *   states/<…>/targets/releases/<component>/<sha256>.<version>.json
 */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { codeOf } from '@moult/runtime/files';
import type { Metadata, Root, Snapshot, Targets, Timestamp } from '@tufjs/models';
import { readRoot, readSnapshot, readTargets, readTimestamp } from './metadata.ts';

export interface Loaded<T extends Root | Snapshot | Targets | Timestamp> {
  readonly bytes: Buffer;
  readonly metadata: Metadata<T>;
}

export interface RepositoryState {
  readonly dir: string;
  readonly root: Loaded<Root>;
  readonly timestamp: Loaded<Timestamp>;
  readonly snapshot: Loaded<Snapshot>;
  /** Top-level targets. */
  readonly targets: Loaded<Targets>;
  /** Delegated roles by name. */
  readonly roles: ReadonlyMap<string, Loaded<Targets>>;
}

/** The directory to serve as `/tuf`; it is a link that is swapped, so resolve it anew for each request. */
export function servedDirOf(repositoryDir: string): string {
  return join(repositoryDir, 'current');
}

/** Throws `repository-missing` where none was made, `repository-corrupt` for one that cannot be read. */
export async function readCurrentState(repositoryDir: string): Promise<RepositoryState> {
  let target: string;
  try {
    target = await readlink(servedDirOf(repositoryDir));
  } catch (cause) {
    const code = codeOf(cause) === 'ENOENT' ? 'repository-missing' : 'repository-corrupt';
    throw new CodedError(code, `there is no release repository in ${repositoryDir}`, { cause });
  }
  return readState(join(repositoryDir, 'states', basename(target)));
}

export async function readState(dir: string): Promise<RepositoryState> {
  const metadataDir = join(dir, 'metadata');
  const names = await filesIn(metadataDir);
  const load = async <T extends Root | Snapshot | Targets | Timestamp>(
    name: string,
    parse: (bytes: Buffer) => Metadata<T>,
  ): Promise<Loaded<T>> => {
    const bytes = await readMetadataFile(join(metadataDir, name));
    return { bytes, metadata: parse(bytes) };
  };
  const rootVersion = Math.max(0, ...names.map((name) => versionedName(name, 'root') ?? 0));
  const root = await load(`${rootVersion}.root.json`, (bytes) =>
    readRoot(bytes, 'repository-corrupt'),
  );
  const timestamp = await load('timestamp.json', (bytes) =>
    readTimestamp(bytes, 'repository-corrupt'),
  );
  const snapshot = await load(
    `${timestamp.metadata.signed.snapshotMeta.version}.snapshot.json`,
    (bytes) => readSnapshot(bytes, 'repository-corrupt'),
  );
  const roles = new Map<string, Loaded<Targets>>();
  for (const [file, meta] of Object.entries(snapshot.metadata.signed.meta)) {
    const role = file.replace(/\.json$/, '');
    roles.set(
      role,
      await load(`${meta.version}.${file}`, (bytes) =>
        readTargets(bytes, 'repository-corrupt', role),
      ),
    );
  }
  const targets = roles.get('targets');
  if (targets === undefined) {
    throw new CodedError('repository-corrupt', `${dir}: the snapshot does not name the targets`);
  }
  roles.delete('targets');
  return { dir, root, timestamp, snapshot, targets, roles };
}

/** The number in `N.<role>.json`, or null for another file. */
export function versionedName(name: string, role: string): number | null {
  const match = /^(\d+)\.(.+)\.json$/.exec(name);
  return match !== null && match[2] === role ? Number(match[1]) : null;
}

export async function filesIn(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (cause) {
    throw new CodedError('repository-corrupt', `cannot read ${dir}`, { cause });
  }
}

async function readMetadataFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new CodedError('repository-corrupt', `cannot read ${path}`, { cause });
  }
}
