/*
 * The agent's side of trust: what may run here is what release keys signed, whatever the coordinator says.
 * Each question runs the TUF client in a worker of its own on a copy of what is trusted; only an answer
 * that passed everything replaces what is kept, in one step.
 */
import { Worker } from 'node:worker_threads';
import { CodedError } from '@moult/core/errors';
import type { Platform } from '@moult/core/platform';
import { BLOBS_PATH, type ReleaseDocument, TUF_PATH } from '@moult/core/release-document';
import { effectiveNow, nextFloor, type ReleaseName, TRUST_LIMITS } from '@moult/core/trust';
import type { Clock } from '@moult/runtime/clock';
import type { ReadWay } from '@moult/runtime/way';
import { withDeadline } from './deadline.ts';
import { addressOf } from './http-address.ts';
import { getSmall } from './http-get.ts';
import { removeTree } from './own-name.ts';
import type { TrustMessage, TrustOutcome, TrustTask } from './trust-messages.ts';
import {
  loadTrustState,
  makeWorkDir,
  readPinnedRoot,
  saveTrustState,
  type TrustState,
} from './trust-state.ts';
import { proveManifest, type VerifiedManifest } from './verified-manifest.ts';

export { keptExpiries } from './trust-state.ts';
export type { VerifiedManifest } from './verified-manifest.ts';

export interface TrustClientOptions {
  /** `<state>/trust`; made if missing. */
  readonly trustDir: string;
  /** `<config>/trust-root.json`; only read. */
  readonly pinnedRootPath: string;
  /** Where metadata and blobs lie: the coordinator's address, or a static server's. */
  readonly baseUrl: string;
  readonly way: ReadWay;
  /** `lib/trust-worker.cjs` of the running slot; `trust-worker.ts` in development. */
  readonly workerPath: string;
  readonly clock: Clock;
}

export interface Refreshed {
  readonly rootVersion: number;
  readonly timestampVersion: number;
  readonly snapshotVersion: number;
  /** When the first of the metadata that was checked expires. */
  readonly expiresMs: number;
}

/** Metadata may take as long as a fetch of its size at the least rate. */
const MANIFEST_TIMEOUT_MS = 300_000;

export class TrustClient {
  readonly #options: TrustClientOptions;
  /** Questions run one after the other: each starts from what the one before left. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: TrustClientOptions) {
    this.#options = options;
  }

  /** Gets and checks the newest metadata. Throws a coded `trust-…` error; what was trusted before stays then. */
  async refresh(signal?: AbortSignal): Promise<Refreshed> {
    const { rootVersion, timestampVersion, snapshotVersion, expiresMs } = await this.#ask(
      null,
      signal,
    );
    return { rootVersion, timestampVersion, snapshotVersion, expiresMs };
  }

  /** The document of a release, after a refresh. Throws `release-unknown` when no release key signed it. */
  async release(wanted: ReleaseName, signal?: AbortSignal): Promise<ReleaseDocument> {
    const { document } = await this.#ask(wanted, signal);
    if (document === null) throw new Error('the worker answered another question');
    return document;
  }

  /** The manifest of a release for one platform. Throws `release-no-platform` where it has none. */
  async manifest(
    wanted: ReleaseName & { readonly platform: Platform },
    signal?: AbortSignal,
  ): Promise<VerifiedManifest> {
    const document = await this.release(wanted, signal);
    const named = document.manifests[wanted.platform];
    if (named === undefined) {
      throw new CodedError(
        'release-no-platform',
        `${wanted.component} ${wanted.version} has no files for ${wanted.platform}`,
      );
    }
    const answer = await getSmall({
      url: addressOf(this.#options.baseUrl, `${BLOBS_PATH}/${named.sha256}`),
      bytesMax: named.length,
      way: await this.#options.way(),
      timeoutMs: MANIFEST_TIMEOUT_MS,
      clock: this.#options.clock,
      signal,
    });
    if (answer.status !== 200) {
      throw new CodedError('trust-unreachable', `the manifest is answered with ${answer.status}`);
    }
    return proveManifest(answer.body, { ...wanted, sha256: named.sha256 });
  }

  #ask(wanted: ReleaseName | null, signal: AbortSignal | undefined): Promise<TrustOutcome> {
    const asked = this.#last.then(() => this.#askNow(wanted, signal));
    this.#last = asked.catch(() => undefined);
    return asked;
  }

  async #askNow(
    wanted: ReleaseName | null,
    signal: AbortSignal | undefined,
  ): Promise<TrustOutcome> {
    signal?.throwIfAborted();
    const { trustDir, pinnedRootPath } = this.#options;
    const place = { trustDir, pinnedRoot: await readPinnedRoot(pinnedRootPath) };
    const state = await loadTrustState(place);
    const pinned: TrustState = { files: { 'root.json': place.pinnedRoot }, floorMs: state.floorMs };
    const nowMs = effectiveNow({ nowMs: this.#options.clock.nowMs(), floorMs: state.floorMs });
    const outcome = await this.#run({ state, wanted, nowMs, signal }).catch((error: unknown) => {
      // The kept root itself is damaged: begin again with the pinned one.
      if (error instanceof CodedError && error.code === 'trust-root-invalid') {
        return this.#run({ state: pinned, wanted, nowMs, signal });
      }
      throw error;
    });
    const { expiresMs, files } = outcome;
    await saveTrustState(place, {
      files,
      floorMs: nextFloor({ floorMs: state.floorMs, nowMs, expiresMs }),
    });
    return outcome;
  }

  async #run(question: {
    readonly state: TrustState;
    readonly wanted: ReleaseName | null;
    readonly nowMs: number;
    readonly signal: AbortSignal | undefined;
  }): Promise<TrustOutcome> {
    const { baseUrl, clock, trustDir, workerPath } = this.#options;
    const way = await this.#options.way();
    const workDir = await makeWorkDir(trustDir);
    const task: TrustTask = {
      workDir,
      files: question.state.files,
      metadataUrl: addressOf(baseUrl, `${TUF_PATH}/metadata`),
      targetsUrl: addressOf(baseUrl, `${TUF_PATH}/targets`),
      way,
      nowMs: question.nowMs,
      wanted: question.wanted,
    };
    const expired = () =>
      new CodedError('trust-timeout', 'checking the metadata of releases took too long');
    try {
      return await withDeadline(
        { clock, ms: TRUST_LIMITS.refreshMs, signal: question.signal, expired },
        (signal) => runWorker({ workerPath, task, clock, signal }),
      );
    } finally {
      await removeTree(workDir);
    }
  }
}

/** The heap of a worker that parses at most 128 KiB at a time; hostile input ends the worker, not the agent. */
const WORKER_HEAP_MIB = 128;

async function runWorker(options: {
  readonly workerPath: string;
  readonly task: TrustTask;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<TrustOutcome> {
  const { clock, signal } = options;
  signal.throwIfAborted();
  const worker = new Worker(options.workerPath, {
    workerData: options.task,
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB },
  });
  const done = new AbortController();
  let heard = new AbortController();
  const answer = new Promise<TrustOutcome>((resolve, reject) => {
    worker.on('message', (message: TrustMessage) => {
      if (message.kind === 'trusted') resolve(message.outcome);
      else if (message.kind === 'refused') reject(new CodedError(message.code, message.message));
      else heard.abort();
    });
    worker.on('error', (cause) =>
      reject(
        new CodedError('trust-refused', `the trust worker failed: ${cause.message}`, { cause }),
      ),
    );
    worker.on('exit', () =>
      reject(new CodedError('trust-refused', 'the trust worker ended without an answer')),
    );
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const silence = (async (): Promise<never> => {
    for (;;) {
      try {
        await clock.sleep(TRUST_LIMITS.workerQuietMs, AbortSignal.any([heard.signal, done.signal]));
      } catch {
        if (done.signal.aborted) return await new Promise<never>(() => undefined);
        heard = new AbortController();
        continue;
      }
      throw new CodedError('trust-timeout', 'checking the metadata of releases blocked its worker');
    }
  })();
  try {
    return await Promise.race([answer, silence]);
  } finally {
    done.abort();
    await worker.terminate();
  }
}
