/*
 * What the agent trusts, kept in one file that is replaced in one step, so that there is never half of it
 * (RL23). The pinned root stays elsewhere, root's own, and is what counts when this file is lost or damaged.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SignedFacts } from '@moult/core/doctor';
import { CodedError } from '@moult/core/errors';
import type { SignedRole } from '@moult/core/trust';
import { makeDirectoryDurably, readTextIfPresent, writeFileDurably } from '@moult/runtime/files';
import { sha256Of } from './digest.ts';
import { ownName, removeAbandoned } from './own-name.ts';

export interface TrustState {
  /** Metadata files by name, exactly as they were signed; `root.json` at least. */
  readonly files: Readonly<Record<string, string>>;
  /** No clock below this is believed. */
  readonly floorMs: number;
}

const STATE_NAME = 'trusted.json';

/** The kept state; with a damaged file, a file of another pinned root or none, the pinned root alone. */
export async function loadTrustState(options: {
  readonly trustDir: string;
  readonly pinnedRoot: string;
}): Promise<TrustState> {
  const text = await readTextIfPresent(join(options.trustDir, STATE_NAME));
  const kept = text === null ? null : parseState(text);
  if (kept === null || kept.pinnedSha256 !== sha256Of(options.pinnedRoot)) {
    // The floor outlives damage of the metadata, not of the file; expiry still judges by the clock.
    return { files: { 'root.json': options.pinnedRoot }, floorMs: 0 };
  }
  return { files: kept.files, floorMs: kept.floorMs };
}

export async function saveTrustState(
  options: { readonly trustDir: string; readonly pinnedRoot: string },
  state: TrustState,
): Promise<void> {
  const { files, floorMs } = state;
  const text = JSON.stringify({
    format: 1,
    pinnedSha256: sha256Of(options.pinnedRoot),
    floorMs,
    files,
  });
  await writeFileDurably(join(options.trustDir, STATE_NAME), text);
}

/** When what is kept of a host's metadata ends, by role. Null: there is no pinned root, and so nothing. */
export async function keptExpiries(of: {
  readonly trustDir: string;
  readonly pinnedRootPath: string;
}): Promise<readonly SignedFacts[] | null> {
  const pinnedRoot = await readTextIfPresent(of.pinnedRootPath);
  if (pinnedRoot === null) return null;
  const { files } = await loadTrustState({ trustDir: of.trustDir, pinnedRoot });
  return Object.entries(files).map(([name, text]) => {
    const role = name.replace(/\.json$/, '');
    return { role, signedBy: signedByOf(role), expiresMs: expiresMsIn(text, name) };
  });
}

function signedByOf(role: string): SignedRole {
  return role === 'root' || role === 'snapshot' || role === 'timestamp' ? role : 'release';
}

/** Throws `trust-root-invalid`: of these files only the pinned root was not read before it was kept. */
function expiresMsIn(text: string, name: string): number {
  try {
    const { signed } = JSON.parse(text) as { readonly signed: { readonly expires: string } };
    return Date.parse(signed.expires);
  } catch (cause) {
    throw new CodedError('trust-root-invalid', `${name} does not say when it ends`, { cause });
  }
}

/** Throws `trust-root-invalid` when there is no pinned root: without it nothing can be trusted. */
export async function readPinnedRoot(path: string): Promise<string> {
  const text = await readTextIfPresent(path);
  if (text === null)
    throw new CodedError('trust-root-invalid', `there is no pinned root at ${path}`);
  return text;
}

/** An empty directory for one run of the worker. What killed processes left behind goes first. */
export async function makeWorkDir(trustDir: string): Promise<string> {
  await makeDirectoryDurably(trustDir);
  await removeAbandoned(trustDir);
  const workDir = join(trustDir, ownName('work'));
  await mkdir(workDir, { mode: 0o700 });
  return workDir;
}

function parseState(text: string): (TrustState & { readonly pinnedSha256: string }) | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof raw !== 'object' || raw === null) return null;
  const { format, pinnedSha256, floorMs, files } = raw as Record<string, unknown>;
  if (format !== 1 || typeof pinnedSha256 !== 'string') return null;
  if (typeof floorMs !== 'number' || !Number.isSafeInteger(floorMs)) return null;
  if (typeof files !== 'object' || files === null) return null;
  const entries = Object.entries(files);
  const isSound = entries.every(
    ([name, content]) => typeof content === 'string' && /^[A-Za-z0-9.-]+\.json$/.test(name),
  );
  if (!isSound || !entries.some(([name]) => name === 'root.json')) return null;
  return { pinnedSha256, floorMs, files: Object.fromEntries(entries) };
}
