import { CodedError } from '@moult/core/errors';
import type { Store } from '@moult/store';
import type { Handlers } from '../handler.ts';
import { attemptViewOf, commandViewOf, historyEntryOf } from '../views.ts';

/** Attempts of one command; more than one is a retry. */
const ATTEMPTS_MAX = 100;

type CommandHandlers = Pick<
  Handlers,
  'listCommands' | 'getCommand' | 'listAttempts' | 'listHistory'
>;

export function commandHandlers(options: { readonly store: Store }): CommandHandlers {
  const { store } = options;
  /** Throws `not-found`. */
  const ofRollout = async (rollout: string | undefined) =>
    rollout === undefined ? {} : { rolloutId: (await store.read('rolloutView', rollout)).row.id };
  return {
    listCommands: async ({ query }) => {
      const { limit, state } = query;
      const rows = await store.read('commandPage', {
        agent: query.agent ?? null,
        state,
        before: query.before ?? null,
        limit: limit + 1,
      });
      const commands = rows.slice(0, limit).map(commandViewOf);
      return { commands, next: rows.length > limit ? (commands.at(-1)?.id ?? null) : null };
    },
    getCommand: async ({ params }) => {
      const row = await store.read('commandById', params.id);
      if (row === null) throw new CodedError('not-found', `there is no command ${params.id}`);
      const page = { agent: null, commandId: row.id, before: null, limit: ATTEMPTS_MAX };
      const attempts = await store.read('attemptPage', page);
      return { command: commandViewOf(row), attempts: attempts.map(attemptViewOf) };
    },
    listAttempts: async ({ query }) => {
      const { limit } = query;
      const rows = await store.read('attemptPage', {
        agent: query.agent ?? null,
        ...(await ofRollout(query.rollout)),
        commandId: null,
        before: query.before ?? null,
        limit: limit + 1,
      });
      const attempts = rows.slice(0, limit).map(attemptViewOf);
      const next = rows.length > limit ? (attempts.at(-1)?.commandId ?? null) : null;
      return { attempts, next };
    },
    listHistory: async ({ query }) => {
      const { limit } = query;
      const rows = await store.read('historyPage', {
        agent: query.agent ?? null,
        ...(await ofRollout(query.rollout)),
        before: query.before ?? null,
        after: query.after ?? null,
        limit: limit + 1,
      });
      const entries = rows.slice(0, limit).map(historyEntryOf);
      return { entries, next: rows.length > limit ? (entries.at(-1)?.position ?? null) : null };
    },
  };
}
