/* Which run is meant: people give the id of its command, or of the run itself. */
import type { Client } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import type { Run } from '../../shell.ts';

/** Of a schedule's run: `@TASK/MS`. */
export function isOfSchedule(given: string): boolean {
  return given.startsWith('@');
}

/** `COMMAND` or `COMMAND/ATTEMPT` → the command. */
export function commandIdOf(given: string): string {
  return given.replace(/\/\d+$/, '');
}

/** The agent and the id of the run there. Throws `usage` where the agent is missing. */
export async function whichRun(
  run: Run,
  client: Client,
  of: { readonly given: string; readonly agent: string | undefined },
): Promise<{ readonly name: string; readonly run: string }> {
  const { given, agent } = of;
  if (isOfSchedule(given)) {
    if (agent !== undefined) return { name: agent, run: given };
    throw new CodedError('usage', `${given} is unique on its agent alone`, {
      remedy: 'Say which with --agent AGENT: `moult tasks runs` shows it.',
    });
  }
  const id = commandIdOf(given);
  const { command } = await client.getCommand({ params: { id }, signal: run.stop });
  return { name: command.agent, run: given === id ? `${id}/${command.attempt}` : given };
}
