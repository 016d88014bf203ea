/* Versions that are chosen, and that can be: for the fleet, a group or an agent (R15). */
import type { ChoiceRollout, Command } from '@moult/api';
import type { Component } from '@moult/core/component';
import type { DesiredScope } from '@moult/core/desired';
import { CodedError } from '@moult/core/errors';
import { sumOf } from '@moult/core/rollout';
import { compareVersions } from '@moult/core/versions';
import type { Clock } from '@moult/runtime/clock';
import { type ChoiceView, countsOf, type Store, type WriteArgs } from '@moult/store';
import type { Sessions } from '../../gateway/sessions.ts';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import { issueWantedOf } from '../../rollouts/issuing.ts';
import type { Rollouts } from '../../rollouts/rollouts.ts';
import type { Caller } from '../authentication.ts';
import type { Handlers } from '../handler.ts';
import { afterDispatch } from './after-dispatch.ts';

export interface ChoiceHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  readonly sessions: Sessions;
  readonly rollouts: Pick<Rollouts, 'changed'>;
}

type ChoiceHandlers = Pick<
  Handlers,
  'setAgentDesired' | 'setGroupDesired' | 'setFleetDesired' | 'listChoices' | 'listOffers'
>;

export function choiceHandlers(options: ChoiceHandlersOptions): ChoiceHandlers {
  const { store } = options;
  return {
    setAgentDesired: async ({ params, body, caller }) => {
      const { name, component } = params;
      if ((await store.read('agentByName', name)) === null) {
        throw new CodedError('not-found', `there is no agent ${name}`);
      }
      const choice = { scope: 'agent', subject: name, component, ...body, caller } as const;
      return await choose(options, choice);
    },
    setGroupDesired: async ({ params, body, caller }) => {
      const { group, component } = params;
      const choice = { scope: 'group', subject: group, component, ...body, caller } as const;
      return await choose(options, choice);
    },
    setFleetDesired: async ({ params, body, caller }) => {
      const { component } = params;
      const choice = { scope: 'fleet', subject: '', component, ...body, caller } as const;
      return await choose(options, choice);
    },
    listChoices: async ({ query }) => {
      const { group = null, before = null, limit } = query;
      const rows = await store.read('choicePage', { group, before, limit: limit + 1 });
      const choices = rows.slice(0, limit).map(choiceViewOf);
      return { choices, next: rows.length > limit ? (choices.at(-1)?.position ?? null) : null };
    },
    listOffers: async ({ query }) => {
      const { component, group = null } = query;
      const offers = await store.read('offers', { component, group });
      return {
        platforms: offers.map((offer) => ({
          ...offer,
          versions: [...offer.versions].sort((a, b) => compareVersions(b.version, a.version)),
        })),
      };
    },
  };
}

function choiceViewOf({ choice, agents }: ChoiceView) {
  const { scope, subject, component, version, position, created_ms, created_by, why } = choice;
  const made = { atMs: created_ms, by: created_by, why };
  return { scope, subject, component, version, agents, position, ...made };
}

/** Makes the choice and its rollout, then issues its commands. */
async function choose(
  options: ChoiceHandlersOptions,
  choice: {
    readonly scope: DesiredScope;
    readonly subject: string;
    readonly component: Component;
    readonly version: string | null;
    readonly why: string;
    readonly caller: Caller;
  },
): Promise<{ readonly commands: Command[]; readonly rollout: ChoiceRollout | null }> {
  const { store, clock, sessions, rollouts } = options;
  const { scope, subject, component, version, why } = choice;
  const { principal } = choice.caller;
  const chosen = { nowMs: clock.nowMs(), principal, why, scope, subject, component, version };
  const rollout = await madeBy(store, { ...chosen, connected: sessions.instanceIds() });
  const issued = await issueWantedOf(options, { scope, subject });
  await rollouts.changed();
  const commands = await afterDispatch(options, issued);
  return { commands, rollout: rollout === null ? null : await rolloutOf(store, rollout.id) };
}

async function madeBy(store: Store, choosing: WriteArgs<'chooseForMany'>) {
  if (choosing.scope !== 'agent') return (await store.write('chooseForMany', choosing)).rollout;
  await store.write('choose', choosing);
  return null;
}

async function rolloutOf(store: Store, id: string): Promise<ChoiceRollout> {
  const { row, waves } = await store.read('rolloutView', id);
  const counts = sumOf(waves.map(countsOf));
  const agents = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { id, name: row.name, state: row.state, agents, waves: waves.length };
}
