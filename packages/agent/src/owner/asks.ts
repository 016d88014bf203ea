/*
 * What the owner of a host may ask of its agent: one JSON object in a line each, answered by one line; `logs` has lines of
 * its own before it. Whoever reaches the socket may ask: root, and the group of the agent.
 */
import { CodedError, codedErrorFrom } from '@moult/core/errors';

export type OwnerAsk =
  | { readonly ask: 'pin' | 'unpin'; readonly by: string; readonly why: string }
  /** 0 ends a postponement. */
  | { readonly ask: 'postpone'; readonly by: string; readonly why: string; readonly forMs: number }
  | {
      readonly ask: 'rollback';
      readonly by: string;
      readonly why: string;
      readonly isForced: boolean;
    }
  | { readonly ask: 'status' }
  /** The last lines, and with `follow` those that come. */
  | { readonly ask: 'logs'; readonly lines: number; readonly follow: boolean };

export type OwnerAnswer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly remedy: string }
  | { readonly line: string };

/** A reason may be a sentence or two. */
export const ASK_BYTES_MAX = 16_384;
const TEXT_LENGTH_MAX = 500;
export const LOG_LINES_MAX = 1_000;

/** Throws `usage`. */
export function readAsk(line: string): OwnerAsk {
  const fields = fieldsIn(line);
  const text = (name: string) => {
    const value = fields[name] ?? '';
    if (typeof value === 'string') return value.slice(0, TEXT_LENGTH_MAX);
    throw new CodedError('usage', `${name} must be a text`);
  };
  const count = (name: string) => {
    const value = fields[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw new CodedError('usage', `${name} must be a whole number`);
  };
  const said = () => ({ by: text('by'), why: text('why') });
  const { ask } = fields;
  switch (ask) {
    case 'pin':
    case 'unpin':
      return { ask, ...said() };
    case 'postpone':
      return { ask, ...said(), forMs: count('forMs') };
    case 'rollback':
      return { ask, ...said(), isForced: fields['isForced'] === true };
    case 'status':
      return { ask };
    case 'logs':
      return {
        ask,
        lines: Math.min(count('lines'), LOG_LINES_MAX),
        follow: fields['follow'] === true,
      };
    default:
      throw new CodedError('usage', `this version of the agent cannot be asked ${String(ask)}`);
  }
}

export function answerOf(caught: unknown): OwnerAnswer {
  const { code, message, remedy } = codedErrorFrom(caught);
  return { ok: false, code, message, remedy };
}

function fieldsIn(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new CodedError('usage', 'an ask is one JSON object in a line');
}
