import type { Command } from '@moult/api';

/** What a command orders, in few words: `agent to 1.4.0`, `pause`. */
export function orderTextOf(command: Pick<Command, 'kind' | 'component' | 'version'>): string {
  return command.kind === 'autoUpgrade'
    ? `${command.component} to ${command.version}`
    : command.kind;
}
