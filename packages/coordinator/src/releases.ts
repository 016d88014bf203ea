/*
 * Releases of this coordinator: packs come in as blobs, published ones get metadata. Metadata goes live before the
 * database says so: a crash in between is mended at the next start, and publishing again is no error.
 */
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { isPlatform, type Platform } from '@moult/core/platform';
import { type ReleaseDocument, roleNameOf } from '@moult/core/release-document';
import type { Version } from '@moult/core/versions';
import type { BlobStore } from '@moult/release/blob-store';
import { loadOnlineKeys } from '@moult/release/keys';
import { type ImportedPack, importPack, PACK_LIMITS } from '@moult/release/pack';
import {
  encodeReleaseDocument,
  type Published,
  publish,
  publishedReleases,
  publishRoot,
  publishState,
  type RepositoryOptions,
  type RootSubmission,
  readCurrentState,
  renew,
  resign,
} from '@moult/release/repository';
import type { Clock } from '@moult/runtime/clock';
import { codeOf } from '@moult/runtime/files';
import type { Logger } from '@moult/runtime/logger';
import type { Order, Store } from '@moult/store';

export interface ReleasesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly blobStore: BlobStore;
  readonly repositoryDir: string;
  /** Read anew for each change: new keys lie beside the old ones until a root names them. */
  readonly keysDir: string;
}

export interface ReleaseName {
  readonly component: Component;
  readonly version: Version;
}

export interface Submission extends ReleaseName {
  readonly document: string;
  readonly role: string;
  readonly targets: string | null;
}

export class Releases {
  readonly #options: ReleasesOptions;
  /** Changes of the repository, and of what goes into it, one at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ReleasesOptions) {
    this.#options = options;
  }

  /** Says in the database what went live just before a crash. */
  async start(): Promise<void> {
    const { store, clock, repositoryDir } = this.#options;
    for (const { component, version } of await publishedReleases(repositoryDir)) {
      const known = await store.read('releaseOf', { component, version });
      if (known?.state !== 'imported') continue;
      const order = { nowMs: clock.nowMs(), principal: 'coordinator', why: 'found published' };
      await store.write('recordPublish', { ...order, component, version });
    }
    const { root } = await readCurrentState(repositoryDir);
    const { version } = root.metadata.signed;
    if (version > 1) {
      const order = { nowMs: clock.nowMs(), principal: 'coordinator', why: 'found published' };
      await store.write('recordRoot', { ...order, version, sha256: sha256Of(root.bytes) });
    }
    // The state may be from a backup: agents that are ahead of it take what is signed now.
    await this.#signAnew(resign);
  }

  /** Signs snapshot and timestamp anew where it is due. */
  async renew(): Promise<void> {
    await this.#signAnew(renew);
  }

  async #signAnew(sign: (options: RepositoryOptions) => Promise<Published | null>): Promise<void> {
    const { log } = this.#options;
    try {
      const done = await this.#oneByOne(async () => sign(await this.#place()));
      if (done === null) return;
      log.info('signed the metadata of releases anew', { version: done.timestampVersion });
      await this.#warnOfExpiry();
    } catch (error) {
      log.error('the metadata of releases could not be signed anew; the next try is due', {
        err: error,
      });
    }
  }

  /** Of what offline keys signed: nobody else will say so in time. Every few days, as often as something is signed. */
  async #warnOfExpiry(): Promise<void> {
    const { clock, log, repositoryDir } = this.#options;
    for (const role of (await publishState(repositoryDir, clock.nowMs())).roles) {
      if (!role.isRenewalDue) continue;
      const remedy =
        role.role === 'root' ? 'moult keys renew root' : 'moult release publish-root --keys DIR';
      const expires = new Date(role.expiresMs).toISOString();
      log.warn('signed metadata expires soon', { role: role.role, expires, remedy });
    }
  }

  async import(
    stream: Readable,
    of: { readonly order: Order; readonly signal: AbortSignal },
  ): Promise<ImportedPack & { readonly isNew: boolean }> {
    const { store, blobStore } = this.#options;
    const dir = await blobStore.stagingDir();
    try {
      const packPath = join(dir, 'pack');
      await receive(stream, packPath, of.signal);
      const { signal } = of;
      const imported = await importPack(packPath, blobStore, { signal, name: 'the pack' });
      const { manifest, digest, manifestBytes } = imported;
      const record = {
        ...of.order,
        component: manifest.component,
        version: manifest.version,
        platform: manifest.platform,
        digest,
        manifestBytes: manifestBytes.length,
        bytes: manifest.files.reduce((sum, file) => sum + file.length, 0),
        files: manifest.files.length,
        minimumLauncher: manifest.minimumLauncher,
        isIrreversible: manifest.irreversible,
      };
      // Not while its release is published: what goes live names the platforms that were there before.
      const { isNew } = await this.#oneByOne(() => store.write('recordImport', record));
      return { ...imported, isNew };
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  /** What a release engineer signs offline. Throws `release-unknown`. */
  async signingState(name: ReleaseName): Promise<{
    readonly root: string;
    readonly targets: string;
    readonly role: string | null;
    readonly document: string;
  }> {
    const state = await readCurrentState(this.#options.repositoryDir);
    const role = state.roles.get(roleNameOf(name.component, name.version));
    return {
      root: state.root.bytes.toString('utf8'),
      targets: state.targets.bytes.toString('utf8'),
      role: role?.bytes.toString('utf8') ?? null,
      document: encodeReleaseDocument(await this.#documentOf(name)),
    };
  }

  /** What is signed anew when release keys change. */
  async trustState(): Promise<{
    readonly root: string;
    readonly targets: string;
    readonly roles: readonly { readonly name: string; readonly metadata: string }[];
  }> {
    const state = await readCurrentState(this.#options.repositoryDir);
    return {
      root: state.root.bytes.toString('utf8'),
      targets: state.targets.bytes.toString('utf8'),
      roles: [...state.roles].map(([name, { bytes }]) => ({
        name,
        metadata: bytes.toString('utf8'),
      })),
    };
  }

  publishRoot(submission: RootSubmission, order: Order): Promise<Published> {
    return this.#oneByOne(async () => {
      const { store, clock, log, keysDir, repositoryDir } = this.#options;
      const published = await publishRoot({
        repositoryDir,
        clock,
        submission,
        onlineKeysOf: (root) => loadOnlineKeys(keysDir, root),
      });
      for (const warning of published.warnings) log.warn(warning);
      const { bytes } = (await readCurrentState(repositoryDir)).root;
      const { rootVersion: version } = published;
      await store.write('recordRoot', { ...order, version, sha256: sha256Of(bytes) });
      log.info('a root is live', { version });
      return published;
    });
  }

  publish(submission: Submission, order: Order): Promise<Published> {
    return this.#oneByOne(() => this.#publish(submission, order));
  }

  async #publish(submission: Submission, order: Order): Promise<Published> {
    const { store, log, blobStore } = this.#options;
    const { component, version, document, role, targets } = submission;
    if (document !== encodeReleaseDocument(await this.#documentOf({ component, version }))) {
      throw new CodedError(
        'submission-invalid',
        'the signed document is not about the packs imported here',
      );
    }
    const roleName = roleNameOf(component, version);
    const published = await publish({
      ...(await this.#place()),
      blobStore,
      submission: { document, roleName, role, targets },
    });
    for (const warning of published.warnings) log.warn(warning);
    await store.write('recordPublish', { ...order, component, version });
    return published;
  }

  async settled(): Promise<void> {
    await this.#last;
  }

  /** Throws `online-keys-missing` where the keys are not those of the root: what is live stays live. */
  async #place(): Promise<RepositoryOptions> {
    const { store, repositoryDir, keysDir, clock } = this.#options;
    const { root } = await readCurrentState(repositoryDir);
    const onlineKeys = await loadOnlineKeys(keysDir, root.metadata);
    const life = await store.read('newestLife', null);
    const versionMin = life === null ? 0 : metadataVersionMin(life.began_ms);
    return { repositoryDir, clock, onlineKeys, versionMin };
  }

  async #documentOf(name: ReleaseName): Promise<ReleaseDocument> {
    const [view] = await this.#options.store.read('allReleases', name);
    if (view === undefined) {
      throw new CodedError('release-unknown', `${name.component} ${name.version} is not imported`, {
        remedy: 'Import its packs first: `moult release publish PACK…`.',
      });
    }
    const manifests: Partial<Record<Platform, { sha256: string; length: number }>> = {};
    for (const { platform, digest, manifest_bytes } of view.platforms) {
      if (isPlatform(platform)) manifests[platform] = { sha256: digest, length: manifest_bytes };
    }
    return { format: 1, ...name, manifests };
  }

  #oneByOne<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/**
 * What the life before signed is lost, and agents take no lower version: it can have run ahead of its clock by one
 * for each change within a minute, never by a thousand of them.
 */
const RESTORE_MARGIN = 1_000;

/** Versions of snapshot and timestamp go by the minute (core/trust). */
function metadataVersionMin(restoredMs: number): number {
  return Math.floor(restoredMs / 60_000) + RESTORE_MARGIN;
}

/** To a file, with a limit; a stream that ends early is found by the import. */
async function receive(stream: Readable, path: string, signal: AbortSignal): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    let bytes = 0;
    for await (const chunk of stream) {
      signal.throwIfAborted();
      bytes += (chunk as Buffer).length;
      if (bytes > PACK_LIMITS.packBytesMax) {
        throw new CodedError('pack-too-large', 'the pack is larger than a release may be');
      }
      await file.write(chunk as Buffer);
    }
  } catch (cause) {
    if (codeOf(cause) !== 'ENOSPC') throw cause;
    const remedy = 'Free space on the file system of the coordinator’s state.';
    throw new CodedError('disk-full', 'no space left for the pack', { cause, remedy });
  } finally {
    await file.close();
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
