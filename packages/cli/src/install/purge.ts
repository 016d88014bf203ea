import { CodedError } from '@moult/core/errors';

/** Throws `purge-unconfirmed`: what cannot be brought back is removed only when somebody has said so twice. */
export function requireYes(
  options: { readonly purge?: boolean; readonly yes?: boolean },
  what: string,
): void {
  if (options.purge !== true || options.yes === true) return;
  throw new CodedError('purge-unconfirmed', `--purge would remove for good: ${what}`);
}
