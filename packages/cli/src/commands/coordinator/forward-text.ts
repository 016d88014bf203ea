import type { RestoreStatus } from '@moult/api';
import { formatTime } from '../../terminal/format.ts';

/** One line for each target of output. */
export function forwardLines({ forwards }: RestoreStatus): readonly string[] {
  return (forwards ?? []).map(({ target, position, newest, failingSinceMs, trouble }) => {
    if (failingSinceMs !== null) {
      return `Output goes to ${target}: not since ${formatTime(failingSinceMs)}: ${trouble}`;
    }
    return position < newest
      ? `Output goes to ${target}: up to position ${position} of ${newest}`
      : `Output goes to ${target}: all of it`;
  });
}
