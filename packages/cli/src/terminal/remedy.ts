import { toldIn } from '@moult/core/errors';

/** What to do about something that ended badly; null: it did not, or its code is one that only a newer program knows. */
export function remedyOf(ended: {
  readonly code: string | null;
  readonly message: string | null;
}): string | null {
  return toldIn(`${ended.code}: ${ended.message}`)?.remedy ?? null;
}
