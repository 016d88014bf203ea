/* The calls after which an upgrade is cut: those that change what is on the disk of a host, or what runs there. */
import type { TracedCall } from '../fleet/trace-line.ts';

export const CUT_KINDS = ['fsync', 'rename', 'open', 'unlink', 'exec'] as const;

export type CutKind = (typeof CUT_KINDS)[number];

export const CALLS_OF: Readonly<Record<CutKind, readonly string[]>> = {
  fsync: ['fsync', 'fdatasync'],
  rename: ['rename', 'renameat', 'renameat2'],
  open: ['open', 'openat', 'creat'],
  unlink: ['unlink', 'unlinkat', 'rmdir'],
  exec: ['execve'],
};

/** Files that are only read leave nothing behind. */
const WRITING = /\bO_(?:CREAT|WRONLY|RDWR|TRUNC)\b/;

/** A call that did what it was to do, to something below `root`. */
export function isCutHere(call: TracedCall, kind: CutKind, root: string): boolean {
  if (!CALLS_OF[kind].includes(call.name)) return false;
  if (call.result === null || call.result < 0) return false;
  if (kind === 'open' && call.name !== 'creat' && !WRITING.test(call.args)) return false;
  return pathsIn(call.args).some((path) => path === root || path.startsWith(`${root}/`));
}

/** What to call it in a report: `fsync var/lib/moult/agent.db-wal`. */
export function callText(call: TracedCall, root: string): string {
  const own = pathsIn(call.args).filter((path) => path.startsWith(`${root}/`));
  // Of two paths the second is where it went; of a program only itself, not its arguments.
  const path = own[call.name.startsWith('rename') ? 1 : 0] ?? own[0] ?? '';
  return `${call.name} ${path.slice(root.length + 1)}`;
}

/** Paths in quotes, and those of descriptors. */
function pathsIn(args: string): readonly string[] {
  return [...args.matchAll(/"(\/[^"]*)"|\d<(\/[^>]*)>/g)].map(
    ([, quoted, described]) => quoted ?? described ?? '',
  );
}
