/*
 * H3: a preflight that failed is looked at again on a schedule, and sooner when what it complained of looks otherwise:
 * somebody has made room, mounted the disk anew, set the clock, carried here what could not be fetched.
 */
import { type HostGlimpse, isRelevantChange } from '@moult/core/preflight';
import type { UpgradeState } from '@moult/core/upgrade';
import type { Clock } from '@moult/runtime/clock';
import type { DiskFacts } from '../ports.ts';
import type { Link } from '../session/link.ts';
import { pause } from '../waiting.ts';

const LOOK_MS = 15_000;

export interface SoonerOptions {
  readonly disk: DiskFacts;
  readonly clock: Clock;
  readonly link: Pick<Link, 'clockAheadMs'>;
}

/** True: the wait may end. False: it was over first. */
export async function sooner(
  options: SoonerOptions,
  state: UpgradeState,
  signal: AbortSignal,
): Promise<boolean> {
  const code = state.kind === 'preflight' ? (state.retry.last?.code ?? null) : null;
  const before = code === null ? null : await glimpse(options);
  let last = before;
  while (await pause(options.clock, LOOK_MS, signal)) {
    if (code === null || before === null || last === null) continue;
    const now = await glimpse(options);
    if (now !== null && isRelevantChange(code, { before, last, now })) return true;
    last = now ?? last;
  }
  return false;
}

/** Null: the host did not say, as where its disk fails. Then the schedule decides. */
async function glimpse(options: SoonerOptions): Promise<HostGlimpse | null> {
  try {
    return await look(options);
  } catch {
    return null;
  }
}

async function look({ disk, link }: SoonerOptions): Promise<HostGlimpse> {
  const directoryTrouble = await disk.slotsTrouble();
  const free = directoryTrouble === null ? await disk.freeForSlots() : { bytes: 0, inodes: null };
  const dropStamp = await disk.dropStamp();
  return { directoryTrouble, free, clockAheadMs: link.clockAheadMs, dropStamp };
}
