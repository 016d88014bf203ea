/* One agent of a rollout in few words. */
import { holdText } from '../../terminal/hold-text.ts';
import type { Member } from './members.ts';

/** `upgrading`, `waiting: the agent is paused (paused)`, `failed: it ended with exit code 1 (crashed)`. */
export function memberText(
  member: Pick<Member, 'state' | 'holdReason' | 'code' | 'message'>,
): string {
  const { state, holdReason, code, message } = member;
  const word = state.replace('-', ' ');
  if (holdReason !== null) return `${word}: ${holdText(holdReason)}`;
  if (code === null && message === null) return word;
  const named = code === null ? '' : ` (${code})`;
  return `${word}${message === null ? '' : `: ${message}`}${named}`;
}
