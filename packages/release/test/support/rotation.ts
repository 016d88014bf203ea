/* Rotations as people do them: keys and root beside the keys first, then the coordinator. */

import { loadNamedKeys, loadOnlineKeys } from '../../src/keys.ts';
import { type KeysDisk, systemKeysDisk } from '../../src/keys-disk.ts';
import {
  publishRoot,
  type RootSubmission,
  readCurrentState,
  signRoot,
} from '../../src/repository.ts';
import { readRootChain } from '../../src/root-files.ts';
import { type Rotated, type Rotation, rotateKeys } from '../../src/root-rotation.ts';
import type { World } from './world.ts';

export interface RotationPlaces {
  readonly rootKeyDirs?: readonly string[];
  readonly newKeyDirs?: readonly string[];
  readonly threshold?: number;
  readonly disk?: KeysDisk;
}

export async function rotate(
  world: Pick<World, 'keysDir' | 'clock'>,
  rotation: Rotation,
  places: RotationPlaces = {},
): Promise<Rotated> {
  const { keysDir, clock } = world;
  const { rootKeyDirs = [keysDir], threshold = null, disk = systemKeysDisk } = places;
  const newKeyDirs = places.newKeyDirs ?? (rotation === 'root' ? rootKeyDirs : [keysDir]);
  return await rotateKeys({ rotation, keysDir, rootKeyDirs, newKeyDirs, threshold, clock, disk });
}

/** What `release publish-root` would send. */
export async function signedRoot(world: World): Promise<RootSubmission> {
  const { keysDir, repositoryDir, clock } = world;
  const state = await readCurrentState(repositoryDir);
  const signed = await signRoot({
    chain: await readRootChain(keysDir),
    live: {
      root: state.root.bytes.toString(),
      targets: state.targets.bytes.toString(),
      roles: [...state.roles].map(([name, { bytes }]) => ({ name, metadata: bytes.toString() })),
    },
    releaseKeys: ({ metadata }) =>
      loadNamedKeys({ dirs: [keysDir], role: 'release', root: metadata }),
    nowMs: clock.nowMs(),
  });
  if (signed === null) throw new Error('there is nothing to publish');
  return signed.submission;
}

export async function publishRoots(world: World, submission?: RootSubmission) {
  const { keysDir, repositoryDir, clock } = world;
  const published = await publishRoot({
    repositoryDir,
    clock,
    submission: submission ?? (await signedRoot(world)),
    onlineKeysOf: (root) => loadOnlineKeys(keysDir, root),
  });
  const { root } = await readCurrentState(repositoryDir);
  world.onlineKeys = await loadOnlineKeys(keysDir, root.metadata);
  return published;
}

export async function rotateLive(world: World, ...rotations: readonly Rotation[]): Promise<void> {
  for (const rotation of rotations) {
    await rotate(world, rotation);
    await publishRoots(world);
  }
}
