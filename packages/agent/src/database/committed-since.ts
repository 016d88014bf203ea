/*
 * Since when the committed version is committed: an owner may go back by hand for a while (P11). In `meta`, where both versions
 * of an upgrade read it: name and form are a frozen contract.
 */
import type { Slot } from '@moult/core/boot';
import type { Meta } from './meta.ts';

interface Row {
  readonly digest: string;
  /** Wall clock; null: it was committed before anybody wrote it down. */
  readonly atMs: number | null;
}

const COMMITTED_SINCE = 'committed-since';

/** Whoever commits a version says so; whoever starts says what it found, which a crash may have kept from being said. */
export function noteCommitted(meta: Meta, committed: Slot | null, nowMs: number): void {
  const row = read(meta);
  if (committed === null || row?.digest === committed.digest) return;
  const found: Row = { digest: committed.digest, atMs: row === null ? null : nowMs };
  meta.write(COMMITTED_SINCE, JSON.stringify(found));
}

function read(meta: Meta): Row | null {
  const text = meta.read(COMMITTED_SINCE);
  return text === null ? null : (JSON.parse(text) as Row);
}
/** Null: nobody knows. */
export function committedSinceMs(meta: Meta, committed: Slot | null): number | null {
  const row = read(meta);
  return row !== null && row.digest === committed?.digest ? row.atMs : null;
}
