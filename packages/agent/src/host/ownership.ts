/* Who owns what on the real host; the rule is core's. */
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { type Layout, versionsDirOf } from '@moult/core/layout';
import { type Owned, type OwnedKind, ownershipTroubles } from '@moult/core/ownership';
import { codeOf } from '@moult/runtime/files';

/** Rejects with `host-unsafe`, which names each and how to mend it. `ownUid`: of the agent; unless given, of this process. */
export async function requireOwnership(
  layout: Layout,
  ownUid: number | undefined = process.geteuid?.(),
): Promise<void> {
  // A system without users of this kind has its own ways.
  if (ownUid === undefined) return;
  const troubles = ownershipTroubles(await ownedOf(layout), ownUid);
  if (troubles.length > 0) throw new CodedError('host-unsafe', troubles.join('; '));
}

async function ownedOf(layout: Layout): Promise<readonly Owned[]> {
  const given = [
    layout.configDir,
    layout.agentConfigPath,
    layout.caPath,
    layout.pinnedRootPath,
    layout.prefixDir,
    versionsDirOf(layout, 'agent'),
    versionsDirOf(layout, 'launcher'),
  ];
  const found = await Promise.all([
    ownedAt('key', layout.identityKeyPath),
    ownedAt('state', layout.stateDir),
    ...given.map((path) => ownedAt('given', path)),
    ...(await above([layout.configDir, layout.stateDir, layout.prefixDir])).map((path) =>
      ownedAt('above', path),
    ),
  ]);
  return found.filter((owned) => owned !== null);
}

/** Every directory above these, once, with links followed: who can rename one of them can replace what is below. */
async function above(paths: readonly string[]): Promise<readonly string[]> {
  const dirs = new Set<string>();
  for (const path of paths) {
    const real = await realpath(path).catch(() => path);
    for (let dir = dirname(real); !dirs.has(dir); dir = dirname(dir)) dirs.add(dir);
  }
  return [...dirs];
}

/** Null: it is not there, or not to be seen from here, and then the agent fails of that by name. */
async function ownedAt(kind: OwnedKind, path: string): Promise<Owned | null> {
  try {
    const { uid, mode } = await stat(path);
    return { kind, path, uid, mode };
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return null;
  }
}
