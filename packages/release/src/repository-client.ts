/* A real client, asked before a state goes live: what it refuses is never published (RL14). */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { checkMetadata, checkTarget, metadataBytesMax, TRUST_LIMITS } from '@moult/core/trust';
import { codeOf } from '@moult/runtime/files';
import { sha256Of } from './digest.ts';
import { filesIn, type RepositoryState, versionedName } from './repository-state.ts';
import { consistentTargetPath } from './target-path.ts';
import { notThere, openClient } from './tuf-client.ts';

export interface AcceptanceOptions {
  /** The new state, not live yet. */
  readonly state: RepositoryState;
  /** The live one; null for the first. */
  readonly before: RepositoryState | null;
  readonly targetPaths: readonly string[];
  readonly nowMs: number;
}

/** Throws `repository-refused` unless both a host that knows only the oldest root within reach and one that is up to date accept the state. */
export async function requireAcceptance(options: AcceptanceOptions): Promise<void> {
  const { state, before } = options;
  const names = await filesIn(join(state.dir, 'metadata'));
  const roots = names
    .map((name) => versionedName(name, 'root'))
    .filter((version) => version !== null);
  // Who is further behind than an agent walks is pinned anew.
  const oldest = Math.max(
    Math.min(...roots),
    state.root.metadata.signed.version - TRUST_LIMITS.rootRotationsMax,
  );
  const oldestRoot = await readFile(join(state.dir, 'metadata', `${oldest}.root.json`));
  await accept(options, { 'root.json': oldestRoot });
  if (before === null) return;
  const known: Record<string, Buffer> = {
    'root.json': before.root.bytes,
    'timestamp.json': before.timestamp.bytes,
    'snapshot.json': before.snapshot.bytes,
    'targets.json': before.targets.bytes,
  };
  for (const [name, role] of before.roles) known[`${name}.json`] = role.bytes;
  await accept(options, known);
}

async function accept(
  options: AcceptanceOptions,
  known: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  const metadataDir = await mkdtemp(join(tmpdir(), 'moult-accept-'));
  try {
    for (const [name, bytes] of Object.entries(known))
      await writeFile(join(metadataDir, name), bytes);
    const read = fileReader(options.state.dir);
    const client = openClient({
      metadataDir,
      metadataBaseUrl: `${LOCAL_URL}metadata`,
      nowMs: options.nowMs,
      fetcher: {
        downloadBytes: (url, maxLength) => read(url, maxLength),
        downloadFile: async () => {
          throw new Error('targets are read, not downloaded');
        },
      },
    });
    await client.refresh();
    for (const path of options.targetPaths)
      await requireTarget(options.state.dir, path, await client.getTargetInfo(path));
    for (const name of await filesIn(metadataDir)) {
      const { signed } = JSON.parse(await readFile(join(metadataDir, name), 'utf8'));
      const verdict = checkMetadata(signed);
      if (verdict.kind === 'refused') throw new Error(`${name}: ${verdict.why}`);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('repository-refused', `a client refuses the new metadata: ${why}`, {
      cause,
    });
  } finally {
    await rm(metadataDir, { recursive: true, force: true });
  }
}

async function requireTarget(
  stateDir: string,
  path: string,
  target: Parameters<typeof checkTarget>[0] | undefined,
): Promise<void> {
  if (target === undefined) throw new Error(`the target ${path} cannot be found`);
  const verdict = checkTarget(target);
  if (verdict.kind === 'refused') throw new Error(`${path}: ${verdict.why}`);
  const { sha256 } = verdict.value;
  const bytes = await readFile(join(stateDir, 'targets', consistentTargetPath(path, sha256)));
  if (sha256Of(bytes) !== sha256) throw new Error(`${path} does not have the hash that was signed`);
}

/** Never resolved: the fetcher reads files. */
const LOCAL_URL = 'https://repository.invalid/';

function fileReader(stateDir: string): (url: string, maxLength: number) => Promise<Buffer> {
  return async (url, maxLength) => {
    const path = decodeURIComponent(url.slice(LOCAL_URL.length));
    try {
      const bytes = await readFile(join(stateDir, path));
      const role = path.replace(/^metadata\/(\d+\.)?/, '').replace(/\.json$/, '');
      if (bytes.length > Math.min(maxLength, metadataBytesMax(role)))
        throw new Error(`${path} is too large`);
      return bytes;
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') throw notThere(path);
      throw cause;
    }
  };
}
