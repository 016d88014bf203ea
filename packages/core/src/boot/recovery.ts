/*
 * Reading and writing the boot record, and what boots when it cannot be read. Reading keeps fields that this version
 * does not know, at every level: a launcher that was rolled back must not forget what a newer one wrote.
 */
import { COMPONENTS, type Component } from '../component.ts';
import { isSha256 } from '../manifest.ts';
import { compareVersions, isVersion } from '../versions.ts';
import type { BootRecord, ComponentRecord, Slot } from './record.ts';
import { EMPTY_COMPONENT } from './record-steps.ts';

export type RecordReading =
  | { readonly kind: 'read'; readonly record: BootRecord }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly why: string }
  /** Written by a launcher whose format this one must not act on. */
  | { readonly kind: 'too-new'; readonly format: number };

/** One line a field group, for people: the file is read at 3 a.m. */
export function encodeBootRecord(record: BootRecord): string {
  return `${JSON.stringify(record, null, 1)}\n`;
}

export function readBootRecord(text: string | null): RecordReading {
  if (text === null) return { kind: 'absent' };
  const raw = parsed(text);
  if (!isObject(raw)) return { kind: 'unreadable', why: 'not a JSON object' };
  const format = raw['format'];
  if (typeof format === 'number' && Number.isSafeInteger(format) && format > 1)
    return { kind: 'too-new', format };
  if (format !== 1) return { kind: 'unreadable', why: 'no format' };
  if (!isCount(raw['revision'])) return { kind: 'unreadable', why: 'no revision' };
  const components = raw['components'];
  if (!isObject(components)) return { kind: 'unreadable', why: 'no components' };
  const filled: Record<string, unknown> = { ...components };
  for (const component of COMPONENTS) {
    const why = troubleOf(component, components[component]);
    if (why !== null) return { kind: 'unreadable', why: `${component}: ${why}` };
    // Records written before a field existed read as if it were empty.
    filled[component] = { ...EMPTY_COMPONENT, ...(components[component] as object | undefined) };
  }
  // Every field that the type names was checked above.
  return { kind: 'read', record: { ...raw, components: filled } as unknown as BootRecord };
}

export interface Found {
  /** Directory names that the display links point at; null: no such link. */
  readonly current: string | null;
  readonly previous: string | null;
  /** Slots whose tree is complete on the disk. */
  readonly complete: readonly Slot[];
}

/** B10: what boots without a readable record: `current`, else `previous`, else the newest complete slot. Null: nothing can. */
export function recoveredRecord(found: Readonly<Record<Component, Found>>): BootRecord | null {
  const agent = recoveredComponent(found.agent, { fallBackToNewest: true });
  if (agent.committed === null) return null;
  // The launcher has the first launcher beneath it, so a guess among unlinked slots would only add risk.
  const launcher = recoveredComponent(found.launcher, { fallBackToNewest: false });
  return { format: 1, revision: 1, components: { agent, launcher } };
}

function recoveredComponent(
  found: Found,
  options: { readonly fallBackToNewest: boolean },
): ComponentRecord {
  const named = (dir: string | null) => found.complete.find((slot) => slot.dir === dir) ?? null;
  const newest =
    [...found.complete].sort((a, b) => compareVersions(b.version, a.version))[0] ?? null;
  const previous = named(found.previous);
  const committed = named(found.current) ?? previous ?? (options.fallBackToNewest ? newest : null);
  return { ...EMPTY_COMPONENT, committed, previous: previous === committed ? null : previous };
}

export type LauncherChoice =
  /** Raise the tries on disk, then become this slot. */
  | { readonly kind: 'try'; readonly slot: Slot }
  | { readonly kind: 'committed'; readonly slot: Slot }
  | { readonly kind: 'first-launcher' };

/** B7: what the first launcher becomes. `failed`: digests that could not be started in this boot. */
export function chooseLauncher(record: BootRecord, failed: ReadonlySet<string>): LauncherChoice {
  const { committed, trial } = record.components.launcher;
  if (trial !== null && !failed.has(trial.slot.digest)) return { kind: 'try', slot: trial.slot };
  if (committed !== null && !failed.has(committed.digest))
    return { kind: 'committed', slot: committed };
  return { kind: 'first-launcher' };
}

function troubleOf(component: Component, raw: unknown): string | null {
  if (raw === undefined) return component === 'agent' ? 'missing' : null;
  if (!isObject(raw)) return 'not an object';
  if (!isSlotOrNull(raw['committed'])) return 'committed is no slot';
  if (!isSlotOrNull(raw['previous'])) return 'previous is no slot';
  // B2: a record that could leave nothing to boot is no record.
  if (component === 'agent' && raw['committed'] === null) return 'nothing is committed';
  const attemptId = raw['committedAttemptId'];
  if (attemptId !== undefined && attemptId !== null && typeof attemptId !== 'string')
    return 'attempt is no text';
  const refused = raw['refused'];
  if (!Array.isArray(refused) || !refused.every(isRefusal)) return 'refused is no list of refusals';
  const trial = raw['trial'];
  return trial === null || isTrial(trial) ? null : 'trial is no trial';
}

function isTrial(raw: unknown): boolean {
  return (
    isObject(raw) &&
    isSlot(raw['slot']) &&
    typeof raw['attemptId'] === 'string' &&
    isCount(raw['tries']) &&
    isCount(raw['rebootTries']) &&
    (raw['bootId'] === null || typeof raw['bootId'] === 'string') &&
    isCount(raw['watchedLeftMs'])
  );
}

function isRefusal(raw: unknown): boolean {
  return (
    isObject(raw) &&
    typeof raw['version'] === 'string' &&
    typeof raw['digest'] === 'string' &&
    typeof raw['attemptId'] === 'string' &&
    isObject(raw['evidence'])
  );
}

function isSlotOrNull(raw: unknown): boolean {
  return raw === null || isSlot(raw);
}

const DIR = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/;

/** Whether a value from outside names a slot: its `dir` becomes part of a path that is executed. */
export function isSlot(raw: unknown): raw is Slot {
  if (!isObject(raw)) return false;
  const { version, digest, dir } = raw as Record<'version' | 'digest' | 'dir', unknown>;
  return (
    typeof version === 'string' &&
    isVersion(version) &&
    typeof digest === 'string' &&
    isSha256(digest) &&
    typeof dir === 'string' &&
    DIR.test(dir)
  );
}

function isCount(raw: unknown): raw is number {
  return typeof raw === 'number' && Number.isSafeInteger(raw) && raw >= 0;
}

function isObject(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
