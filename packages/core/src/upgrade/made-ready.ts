/*
 * Versions that were made ready and not given (P5). Cleanup leaves them alone, so that the upgrade that comes fetches nothing:
 * the newest of each component, and not for ever.
 */
import { type Component, isComponent } from '../component.ts';

export interface MadeReady {
  readonly component: Component;
  readonly dir: string;
  readonly atMs: number;
}

export const READY_KEPT_MAX = 2;
export const READY_KEPT_MS: number = 30 * 86_400_000;

/** The newest last. */
export function readyAfter(before: readonly MadeReady[], made: MadeReady): readonly MadeReady[] {
  const isSame = ({ component, dir }: MadeReady) =>
    component === made.component && dir === made.dir;
  return [...before.filter((one) => !isSame(one)), made];
}

/** Without those that the boot record names: they were given, and go as all others do. */
export function readyKept(
  ready: readonly MadeReady[],
  facts: { readonly recorded: ReadonlySet<string>; readonly nowMs: number },
): readonly MadeReady[] {
  const { recorded, nowMs } = facts;
  // A wall clock that was set back makes nothing older.
  const young = ready.filter(({ dir, atMs }) => !recorded.has(dir) && nowMs - atMs < READY_KEPT_MS);
  return young.filter(({ component }, index) => {
    const later = young.slice(index + 1).filter((one) => one.component === component);
    return later.length < READY_KEPT_MAX;
  });
}

/** What cannot be read is nothing: then it is fetched again. */
export function readReady(text: string | null): readonly MadeReady[] {
  try {
    const read: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(read) ? read.filter(isMadeReady) : [];
  } catch {
    return [];
  }
}

function isMadeReady(one: Partial<MadeReady> | null): one is MadeReady {
  const { component, dir, atMs } = one ?? {};
  return isComponent(component ?? '') && typeof dir === 'string' && typeof atMs === 'number';
}
