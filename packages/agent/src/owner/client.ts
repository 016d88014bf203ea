/* The owner's end of the socket. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { CATALOGUE, CodedError, type ErrorCode } from '@moult/core/errors';
import { codeOf } from '@moult/runtime/files';
import type { OwnerAnswer, OwnerAsk } from './asks.ts';

export type { OwnerAsk } from './asks.ts';
export type { OwnersSay } from './owners-word.ts';
export type { RolledBack } from './roll-back.ts';

/** Resolves to the result. Rejects with `agent-not-serving`, `owner-not-allowed`, or what the agent says. */
export async function askAgent(
  path: string,
  ask: OwnerAsk,
  options: { readonly signal: AbortSignal; readonly onLine?: (line: string) => void },
): Promise<unknown> {
  const { signal, onLine } = options;
  const socket = connect({ path, signal });
  let failure: unknown = null;
  socket.on('error', (error) => {
    failure = error;
  });
  socket.write(`${JSON.stringify(ask)}\n`);
  try {
    for await (const text of createInterface({ input: socket })) {
      const answer = JSON.parse(text) as OwnerAnswer;
      if ('line' in answer) {
        onLine?.(answer.line);
        continue;
      }
      if (answer.ok) return answer.result;
      const { message, remedy } = answer;
      const isKnown = Object.hasOwn(CATALOGUE, answer.code);
      const code = isKnown ? (answer.code as ErrorCode) : 'internal';
      throw new CodedError(code, message, { remedy });
    }
  } catch (error) {
    if (error instanceof CodedError) throw error;
    failure ??= error;
  } finally {
    socket.destroy();
  }
  signal.throwIfAborted();
  const why = failure === null ? 'it ended without an answer' : whyOf(failure);
  const isForbidden = ['EACCES', 'EPERM'].includes(codeOf(failure) ?? '');
  if (isForbidden) throw new CodedError('owner-not-allowed', `${path}: ${why}`);
  throw new CodedError('agent-not-serving', `no agent answers at ${path}: ${why}`);
}

function whyOf(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOENT') return 'there is no such socket';
  if (code === 'ECONNREFUSED') return 'nobody answers';
  return error instanceof Error ? error.message : String(error);
}
