/*
 * P6, A8: what the owner of a host says about its upgrades, and how far it reaches. The agent keeps it and shows it as marks
 * beside its state; agent and coordinator hold an order by the same function. Only force overrides it (H18).
 *
 *   lock file       nothing is upgraded while it lies there
 *   postponement    nothing is upgraded until then; bounded
 *   pin             the agent stays on the version that ran when it was said
 */
import type { HoldReason } from './command/reasons.ts';
import type { Component } from './component.ts';

export type OwnerHold = Extract<HoldReason, 'host-locked' | 'postponed' | 'pinned'>;

/** Said by somebody on the host. Times are wall clock, ms. */
export interface Said {
  readonly by: string;
  /** Empty: no reason was given. */
  readonly why: string;
}

export interface OwnerWord {
  readonly pin: (Said & { readonly version: string; readonly sinceMs: number }) | null;
  readonly postponement: (Said & { readonly fromMs: number; readonly untilMs: number }) | null;
}

export const NO_WORD: OwnerWord = { pin: null, postponement: null };

/** A vulnerability that is being used does not wait longer than this for an owner who is on holiday. */
export const POSTPONED_MS_MAX: number = 7 * 86_400_000;
/** One that begins sooner after the end of another continues it. */
export const POSTPONED_AGAIN_MS = 86_400_000;

const ORDER = ['host-locked', 'postponed', 'pinned'] as const;

/** The marks beside the agent's state. */
export function ownerMarks(of: {
  readonly word: OwnerWord;
  readonly isLocked: boolean;
  readonly nowMs: number;
}): readonly OwnerHold[] {
  const { word, isLocked, nowMs } = of;
  return ORDER.filter((hold) => {
    if (hold === 'host-locked') return isLocked;
    return hold === 'pinned' ? word.pin !== null : isPostponed(word, nowMs);
  });
}

/** What of the owner's word holds this order; null: nothing. */
export function ownerHoldOf(
  marks: readonly string[],
  order: {
    readonly component: Component;
    readonly version: string;
    readonly isForced: boolean;
    /** Of that component; null: unknown. */
    readonly currentVersion: string | null;
  },
): OwnerHold | null {
  if (order.isForced) return null;
  const hold = ORDER.find((one) => marks.includes(one)) ?? null;
  if (hold !== 'pinned') return hold;
  // The same version anew is how a damaged one is mended.
  const isOther = order.component === 'agent' && order.version !== order.currentVersion;
  return isOther ? hold : null;
}

export type Postponing =
  | { readonly kind: 'postponed'; readonly word: OwnerWord }
  /** `untilMs`: as long as it may be. */
  | { readonly kind: 'too-long'; readonly untilMs: number };

/** From now on for so long; 0 ends what was said before. */
export function postpone(
  word: OwnerWord,
  ask: Said & { readonly forMs: number; readonly nowMs: number },
): Postponing {
  const { forMs, nowMs, by, why } = ask;
  const before = word.postponement;
  const continues =
    before !== null && nowMs >= before.fromMs && nowMs < before.untilMs + POSTPONED_AGAIN_MS;
  const fromMs = continues ? before.fromMs : nowMs;
  const untilMs = nowMs + forMs;
  if (forMs > 0 && untilMs - fromMs > POSTPONED_MS_MAX) {
    return { kind: 'too-long', untilMs: fromMs + POSTPONED_MS_MAX };
  }
  return { kind: 'postponed', word: { ...word, postponement: { by, why, fromMs, untilMs } } };
}

/** A clock that was set back does not make it longer than it may be. */
export function isPostponed({ postponement }: OwnerWord, nowMs: number): boolean {
  if (postponement === null) return false;
  const leftMs = postponement.untilMs - nowMs;
  return leftMs > 0 && leftMs <= POSTPONED_MS_MAX;
}

/** What is kept of it: whoever writes it keeps fields that this version does not know. */
export function encodeOwnerWord(word: OwnerWord, before: string | null): string {
  return `${JSON.stringify({ ...fieldsIn(before), ...word }, null, 2)}\n`;
}

/** Null: it cannot be read, and then nobody knows what was said. */
export function readOwnerWord(text: string | null): OwnerWord | null {
  if (text === null) return NO_WORD;
  const fields = fieldsIn(text);
  if (fields === null) return null;
  const pin = fields['pin'] ?? null;
  const postponement = fields['postponement'] ?? null;
  if (pin !== null && !hasAll(pin, { version: 'string', sinceMs: 'number', ...SAID })) return null;
  if (
    postponement !== null &&
    !hasAll(postponement, { fromMs: 'number', untilMs: 'number', ...SAID })
  )
    return null;
  return {
    pin: pin as OwnerWord['pin'],
    postponement: postponement as OwnerWord['postponement'],
  };
}

const SAID = { by: 'string', why: 'string' } as const;

function fieldsIn(text: string | null): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function hasAll(value: unknown, types: Readonly<Record<string, string>>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  return Object.entries(types).every(([name, type]) => typeof fields[name] === type);
}
