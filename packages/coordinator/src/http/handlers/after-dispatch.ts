import type { Command } from '@moult/api';
import type { CommandTable, Store } from '@moult/store';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import { commandViewOf } from '../views.ts';

/** The commands as they stand once it is decided whether they may be sent (H2: at once). */
export async function afterDispatch(
  options: { readonly store: Store; readonly dispatcher: Dispatcher },
  commands: readonly CommandTable[],
): Promise<Command[]> {
  await options.dispatcher.decide(commands.map((command) => command.instance_id));
  const views: Command[] = [];
  for (const command of commands) {
    views.push(commandViewOf((await options.store.read('commandById', command.id)) ?? command));
  }
  return views;
}
