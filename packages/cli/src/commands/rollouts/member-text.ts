/* One agent of a rollout in few words. */
import { holdText } from '../../terminal/hold-text.ts';
import type { Member } from './members.ts';

/** `upgrading`, `waiting: the agent is paused (paused)`, `failed: it ended with exit code 1 (crashed)`. */
export function memberText(
  member: Pick<Member, 'holdReason' | 'code' | 'message' | 'failure' | 'step'> & {
    readonly state: string;
  },
): string {
  const { holdReason, code, message } = member;
  const word = `${stateWord(member)}${stepText(member)}`;
  if (holdReason !== null) return `${word}: ${holdText(holdReason)}`;
  if (code === null && message === null) return word;
  const named = code === null ? '' : ` (${code})`;
  return `${word}${message === null ? '' : `: ${message}`}${named}`;
}

/** `, fetching`; of those that have not begun, or are over, nothing. */
export function stepText({ step }: Pick<Member, 'step'>): string {
  return step === null ? '' : `, ${step.replaceAll('-', ' ')}`;
}

/** `upgrading`, `failed, fetch`. That a version was rolled back says how it failed. */
export function stateWord({
  state,
  failure,
}: Pick<Member, 'failure'> & { readonly state: string }): string {
  const word = state.replaceAll('-', ' ');
  const isSaid = failure === null || (state === 'rolled-back' && failure === 'trial');
  return isSaid ? word : `${word}, ${failure.replaceAll('-', ' ')}`;
}
