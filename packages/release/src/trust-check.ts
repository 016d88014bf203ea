/*
 * One run of the TUF client over the network: refresh, our own policy, and the document of one release.
 * Runs in a worker, because the client parses before it verifies.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { type ReleaseDocument, targetPathOf } from '@moult/core/release-document';
import {
  checkMetadata,
  checkReleaseDocument,
  checkTarget,
  metadataBytesMax,
  type ReleaseName,
  TRUST_LIMITS,
} from '@moult/core/trust';
import type { Clock } from '@moult/runtime/clock';
import type { Fetcher, Updater } from 'tuf-js';
import { sha256Of } from './digest.ts';
import { addressOf } from './http-address.ts';
import { getSmall } from './http-get.ts';
import { consistentTargetPath } from './target-path.ts';
import type { TrustOutcome, TrustTask } from './trust-messages.ts';
import { notThere, openClient, trustCodeOf } from './tuf-client.ts';

/** One metadata file has at most 128 KiB: 30 s is a line of 4 KiB/s. */
const FILE_TIMEOUT_MS = 30_000;

/** Throws a coded `trust-…` error, or `release-unknown` when the metadata is sound and does not name the release. */
export async function checkTrust(task: TrustTask, clock: Clock): Promise<TrustOutcome> {
  for (const [name, text] of Object.entries(task.files)) {
    await writeFile(join(task.workDir, name), text);
  }
  const fetcher = new MetadataFetcher(task, clock);
  try {
    const client = openRooted(task, fetcher);
    await client.refresh();
    const target =
      task.wanted === null ? undefined : await client.getTargetInfo(pathOf(task.wanted));
    // Before anything that was fetched is used or kept.
    const trusted = await policedFiles(task);
    const document =
      task.wanted === null ? null : await documentOf(task, clock, { wanted: task.wanted, target });
    return { ...trusted, document };
  } catch (error) {
    if (error instanceof CodedError) throw error;
    if (fetcher.failure !== null) throw fetcher.failure;
    if (await fetcher.isRootOutOfReach()) {
      throw new CodedError(
        'trust-root-too-old',
        `the root that this host trusts is more than ${TRUST_LIMITS.rootRotationsMax} versions behind`,
        { cause: error },
      );
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new CodedError(trustCodeOf(error), `the metadata of releases is refused: ${why}`, {
      cause: error,
    });
  }
}

function openRooted(task: TrustTask, fetcher: Fetcher): Updater {
  try {
    return openClient({
      metadataDir: task.workDir,
      metadataBaseUrl: task.metadataUrl,
      fetcher,
      nowMs: task.nowMs,
    });
  } catch (cause) {
    throw new CodedError('trust-root-invalid', 'the trusted root cannot be read', { cause });
  }
}

/** Caps every file by its role, whatever length the metadata claims for it, and remembers why a fetch failed. */
class MetadataFetcher implements Fetcher {
  failure: CodedError | null = null;
  readonly #task: TrustTask;
  readonly #clock: Clock;
  #rootsWalked = 0;
  #lastRootUrl = '';

  constructor(task: TrustTask, clock: Clock) {
    this.#task = task;
    this.#clock = clock;
  }

  /** Whether the client walked as many roots as it may, and there is one more. */
  async isRootOutOfReach(): Promise<boolean> {
    if (this.#rootsWalked < TRUST_LIMITS.rootRotationsMax) return false;
    const next = this.#lastRootUrl.replace(
      /(\d+)(\.root\.json)$/,
      (_, version, rest) => `${Number(version) + 1}${rest}`,
    );
    return this.downloadBytes(next, TRUST_LIMITS.rootBytesMax).then(
      () => true,
      () => false,
    );
  }

  async downloadBytes(url: string, maxLength: number): Promise<Buffer> {
    const name = url.slice(url.lastIndexOf('/') + 1);
    const role = name.replace(/^\d+\./, '').replace(/\.json$/, '');
    const bytesMax = Math.min(maxLength, metadataBytesMax(role));
    const answer = await this.#remember(
      getSmall({
        url,
        bytesMax,
        way: this.#task.way,
        timeoutMs: FILE_TIMEOUT_MS,
        clock: this.#clock,
        signal: undefined,
      }),
    );
    if (answer.status === 200) {
      if (role === 'root') {
        this.#rootsWalked += 1;
        this.#lastRootUrl = url;
      }
      return answer.body;
    }
    // A newer root that is not there is how the client learns that it has the newest.
    if (answer.status === 404 && role === 'root') throw notThere(name);
    return this.#remember(
      Promise.reject(
        new CodedError('trust-unreachable', `${url} is answered with ${answer.status}`),
      ),
    );
  }

  downloadFile(): Promise<never> {
    return Promise.reject(new Error('targets are not fetched by the client'));
  }

  async #remember<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof CodedError) this.failure ??= error;
      throw error;
    }
  }
}

const TOP_LEVEL = ['root.json', 'timestamp.json', 'snapshot.json', 'targets.json'];

async function policedFiles(task: TrustTask): Promise<Omit<TrustOutcome, 'document'>> {
  const files: Record<string, string> = {};
  const versions: Record<string, number> = {};
  let expiresMs = Number.POSITIVE_INFINITY;
  for (const name of await readdir(task.workDir)) {
    const text = await readFile(join(task.workDir, name), 'utf8');
    const signed = signedPartOf(text);
    const verdict = checkMetadata(signed);
    const isTopLevel = TOP_LEVEL.includes(name);
    if (verdict.kind === 'refused') {
      // A role that was kept from before and not asked for now, damaged since: it is fetched anew when it is wanted.
      if (!isTopLevel && task.files[name] === text) continue;
      throw new CodedError('trust-refused', `${name}: ${verdict.why}`);
    }
    files[name] = text;
    versions[name] = verdict.value.version;
    if (isTopLevel) expiresMs = Math.min(expiresMs, Date.parse(String(signed?.['expires'])));
  }
  return {
    files,
    rootVersion: versions['root.json'] ?? 0,
    timestampVersion: versions['timestamp.json'] ?? 0,
    snapshotVersion: versions['snapshot.json'] ?? 0,
    expiresMs,
  };
}

function signedPartOf(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text).signed ?? null;
  } catch {
    return null;
  }
}

async function documentOf(
  task: TrustTask,
  clock: Clock,
  found: {
    readonly wanted: ReleaseName;
    readonly target: Parameters<typeof checkTarget>[0] | undefined;
  },
): Promise<ReleaseDocument> {
  const { wanted, target } = found;
  const path = pathOf(wanted);
  if (target === undefined)
    throw new CodedError('release-unknown', `no release key signed ${path}`);
  const checked = checkTarget(target);
  if (checked.kind === 'refused') throw new CodedError('trust-refused', `${path}: ${checked.why}`);
  const { sha256, length } = checked.value;
  const answer = await getSmall({
    url: addressOf(task.targetsUrl, `/${consistentTargetPath(path, sha256)}`),
    bytesMax: length,
    way: task.way,
    timeoutMs: FILE_TIMEOUT_MS,
    clock,
    signal: undefined,
  });
  if (answer.status !== 200) {
    throw new CodedError('trust-unreachable', `${path} is answered with ${answer.status}`);
  }
  if (sha256Of(answer.body) !== sha256) {
    throw new CodedError('trust-refused', `${path} is not what the release keys signed`);
  }
  const verdict = checkReleaseDocument(answer.body.toString('utf8'), wanted);
  if (verdict.kind === 'refused') throw new CodedError('trust-refused', `${path}: ${verdict.why}`);
  return verdict.value;
}

function pathOf(wanted: ReleaseName): string {
  return targetPathOf(wanted.component, wanted.version);
}
