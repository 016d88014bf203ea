/*
 * New roots on the coordinator. They are judged as an agent judges them, and go live in one step together with whatever
 * release keys signed anew and with snapshot and timestamp of the online keys that the newest root names: at no moment do
 * root and signatures disagree (RL52). Until that works, the last good metadata stays live.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import {
  checkMetadata,
  checkRootChain,
  isChainLong,
  lostBelow,
  type RootLink,
} from '@moult/core/trust';
import { codeOf } from '@moult/runtime/files';
import type { Metadata, Root } from '@tufjs/models';
import type { OnlineKeys } from './key-files.ts';
import { readRoot, readTargets } from './metadata.ts';
import {
  type Change,
  change,
  type Published,
  publishedOf,
  type RepositoryOptions,
} from './repository-change.ts';
import { type RepositoryState, readCurrentState } from './repository-state.ts';
import { requireDelegationsKept, requireSuccessor, versioned } from './role-successor.ts';
import type { RootSubmission } from './sign-root.ts';

export interface PublishRootOptions extends Omit<RepositoryOptions, 'onlineKeys'> {
  readonly submission: RootSubmission;
  /** Throws `online-keys-missing` where the coordinator does not have what this root names. */
  readonly onlineKeysOf: (root: Metadata<Root>) => Promise<OnlineKeys>;
}

interface Link extends RootLink {
  readonly bytes: Buffer;
  readonly metadata: Metadata<Root>;
}

/**
 * Throws `root-refused`, `root-conflict`, `online-keys-missing`, `submission-conflict`, `repository-refused`. The same
 * submission again is no error.
 */
export async function publishRoot(options: PublishRootOptions): Promise<Published> {
  const { submission, clock } = options;
  const before = await readCurrentState(options.repositoryDir);
  const links = await newLinks(before, submission.roots.map(linkOf));
  if (links.length === 0 && isLive(before, submission)) return publishedOf(before);
  const liveVersion = before.root.metadata.signed.version;
  if (links.length > 0) {
    const verdict = checkRootChain({ liveVersion, links, nowMs: clock.nowMs() });
    if (verdict.kind === 'refused') throw new CodedError('root-refused', verdict.why);
  }
  const newest = links.at(-1)?.metadata ?? before.root.metadata;
  const published = await change(
    { ...options, onlineKeys: await options.onlineKeysOf(newest) },
    {
      before,
      roots: links,
      roles: signedRoles(before, submission),
      documents: [],
      // One of each role: a role that keys signed which count no more must not go live (RL52).
      targetPaths: [...before.roles.values()].flatMap(({ metadata }) =>
        Object.keys(metadata.signed.targets).slice(-1),
      ),
    },
  );
  return { ...published, warnings: [...published.warnings, ...chainWarnings(newest)] };
}

function chainWarnings(newest: Metadata<Root>): readonly string[] {
  const { version } = newest.signed;
  const lost = lostBelow(version);
  if (lost !== null)
    return [
      `hosts that saw root version ${lost} or an older one last must be pinned anew (moult agent pin-root)`,
    ];
  if (!isChainLong(version)) return [];
  return [`root version ${version} is near to what hosts walk that were away since version 1`];
}

function linkOf(text: string): Link {
  const bytes = Buffer.from(text);
  const metadata = readRoot(bytes, 'root-refused');
  const verdict = checkMetadata(JSON.parse(text).signed);
  if (verdict.kind === 'refused') throw new CodedError('root-refused', `the root: ${verdict.why}`);
  const { version, expires } = metadata.signed;
  return { bytes, metadata, version, sizeBytes: bytes.length, expiresMs: Date.parse(expires) };
}

/** Without those that are live already; one of a version that is live with other content is somebody else's. */
async function newLinks(before: RepositoryState, links: readonly Link[]): Promise<readonly Link[]> {
  const fresh: Link[] = [];
  for (const link of links) {
    if (link.version > before.root.metadata.signed.version) {
      fresh.push(link);
      continue;
    }
    const live = await readLiveRoot(before, link.version);
    if (live?.equals(link.bytes)) continue;
    throw new CodedError(
      'root-conflict',
      `root version ${link.version} is live here with other content`,
    );
  }
  return fresh;
}

async function readLiveRoot(before: RepositoryState, version: number): Promise<Buffer | null> {
  try {
    return await readFile(join(before.dir, 'metadata', `${version}.root.json`));
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null;
    throw new CodedError('repository-corrupt', `cannot read root version ${version}`, { cause });
  }
}

/** Whether what was signed anew is what is live: the answer to an earlier try was lost. */
function isLive(before: RepositoryState, { targets, roles }: RootSubmission): boolean {
  const isSame = (text: string | null, bytes: Buffer | undefined) =>
    text === null || bytes?.equals(Buffer.from(text)) === true;
  return (
    isSame(targets, before.targets.bytes) &&
    roles.every(({ name, metadata }) => isSame(metadata, before.roles.get(name)?.bytes))
  );
}

function signedRoles(before: RepositoryState, submission: RootSubmission): Change['roles'] {
  const roles = submission.roles.map(({ name, metadata }) => {
    const current = before.roles.get(name);
    if (current === undefined)
      throw new CodedError('root-refused', `there is no role ${name} to sign anew`);
    const next = readTargets(Buffer.from(metadata), 'root-refused', name);
    requireSuccessor({ name, next, current: current.metadata });
    return versioned(name, metadata, next);
  });
  if (submission.targets === null) return roles;
  const targets = readTargets(Buffer.from(submission.targets), 'root-refused', 'targets');
  requireSuccessor({ name: 'targets', next: targets, current: before.targets.metadata });
  requireDelegationsKept(before.targets.metadata, targets);
  return [...roles, versioned('targets', submission.targets, targets)];
}
