/* What the owner of a host asks of its agent, over the socket. */
import type { OwnerAsk } from '@moult/agent/owner';
import { layoutOf } from '@moult/core/layout';
import { rootOf } from '../../config/root.ts';
import type { Run } from '../../shell.ts';

export interface AskingOptions {
  readonly root?: string;
  readonly why?: string;
}

/** Resolves to the agent's answer. Rejects with `agent-not-serving`, `owner-not-allowed`, or what it says. */
export async function asked(
  run: Run,
  options: AskingOptions,
  ask: OwnerAsk,
  onLine?: (line: string) => void,
): Promise<unknown> {
  const { askAgent } = await import('@moult/agent/owner');
  const { ownerSocketPath } = layoutOf(rootOf(options.root, run.invocation));
  return askAgent(ownerSocketPath, ask, {
    signal: run.stop,
    ...(onLine === undefined ? {} : { onLine }),
  });
}

/** For history: whoever may ask may call itself anything. */
export function saidBy(run: Run, options: AskingOptions): { by: string; why: string } {
  const { variable } = run.invocation;
  const by = variable('SUDO_USER') ?? variable('LOGNAME') ?? variable('USER') ?? '';
  return { by, why: options.why ?? '' };
}
