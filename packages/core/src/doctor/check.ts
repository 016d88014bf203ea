/*
 * `moult doctor`: what is looked at on a host or at a coordinator, one line for each thing. Facts are gathered by shells that
 * change nothing (DR1); what a fact means is decided here. A fact that could not be had is no good news (DR2), and whatever is
 * not well has a code, whose remedy says what to do next (DR3).
 */
import type { ErrorCode } from '../errors/index.ts';
import type { Check } from '../preflight.ts';

/** As the checks of the pre-upgrade test, which are among them, with names of their own. */
export interface DoctorCheck extends Omit<Check, 'name'> {
  readonly name: string;
}

/** A fact, or why it could not be had. */
export type Found<T> =
  | { readonly isFound: true; readonly value: T }
  | { readonly isFound: false; readonly code: ErrorCode; readonly message: string };

export function passing(name: string, detail: string): DoctorCheck {
  return { name, outcome: 'pass', detail, code: null };
}

export function warning(name: string, code: ErrorCode, detail: string): DoctorCheck {
  return { name, outcome: 'warn', detail, code };
}

export function failing(name: string, code: ErrorCode, detail: string): DoctorCheck {
  return { name, outcome: 'fail', detail, code };
}

/** DR2: what could not be looked at has failed. */
export function judged<T>(
  name: string,
  found: Found<T>,
  judge: (value: T) => DoctorCheck | null,
): DoctorCheck | null {
  return found.isFound ? judge(found.value) : notLookedAt(name, found);
}

export function notLookedAt(
  name: string,
  found: Extract<Found<unknown>, { readonly isFound: false }>,
): DoctorCheck {
  return failing(name, found.code, found.message);
}

export function allOf(checks: readonly (DoctorCheck | null)[]): readonly DoctorCheck[] {
  return checks.filter((check) => check !== null);
}

/** Names that a line can bear. */
const NAMES_MAX = 5;

/** `3: a, b, c`, or as many as a line can bear. */
export function named(names: readonly string[], count: number = names.length): string {
  const shown = names.slice(0, NAMES_MAX).join(', ');
  return `${count}: ${shown}${count > Math.min(names.length, NAMES_MAX) ? ', …' : ''}`;
}
