import type { Command } from '@moult/api';

/** What a command orders, in few words: `agent to 1.4.0`, `pause`, `task backup`. */
export function orderTextOf(
  command: Pick<Command, 'kind' | 'component' | 'version' | 'task'>,
): string {
  if (command.kind === 'autoUpgrade') return `${command.component} to ${command.version}`;
  return command.task === null ? command.kind : `task ${command.task.name}`;
}
