import type { Agent } from '@moult/api';
import { CodedError } from '@moult/core/errors';
import type { Selector } from '@moult/core/selector';
import { type Clock, nextTurn } from '@moult/runtime/clock';
import type { Store } from '@moult/store';
import type { Sessions } from '../../gateway/sessions.ts';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import type { Why } from '../../queue/why.ts';
import { type Selection, selectorOf } from '../../registry/selection.ts';
import type { Handlers } from '../handler.ts';
import { agentOf, agentsOf, commandViewOf } from '../views.ts';
import { afterDispatch } from './after-dispatch.ts';

export interface AgentHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly selection: Selection;
  readonly why: Why;
}

/** Put together in one turn of the loop: a few milliseconds. */
const SIDE_BY_SIDE = 100;
const EVERYBODY = 'agent=*';

type AgentHandlers = Pick<
  Handlers,
  | 'listAgents'
  | 'getAgent'
  | 'validateAgent'
  | 'renameAgent'
  | 'releaseQuarantine'
  | 'upgradeAgent'
  | 'whyAgent'
  | 'whyAgents'
>;

export function agentHandlers(options: AgentHandlersOptions): AgentHandlers {
  const { store, clock, dispatcher } = options;
  const agentNamed = (name: string): Promise<Agent> => readAgent(options, name);
  return {
    listAgents: async ({ query }) => {
      const { limit } = query;
      const names = await selectedNames(options, query);
      const page = { names, group: query.group ?? null, after: query.after ?? null };
      const views = await store.read('agentPage', { ...page, limit: limit + 1 });
      const with_ = { store, sessions: options.sessions, nowMs: clock.nowMs() };
      const agents: Agent[] = [];
      for (let from = 0; from < Math.min(limit, views.length); from += SIDE_BY_SIDE) {
        const page = views.slice(from, Math.min(from + SIDE_BY_SIDE, limit));
        agents.push(...(await agentsOf(with_, page)));
        await nextTurn();
      }
      return { agents, next: views.length > limit ? (agents.at(-1)?.name ?? null) : null };
    },
    getAgent: ({ params }) => agentNamed(params.name),
    validateAgent: async ({ params, body, caller }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: body.why };
      const instanceIds = await store.write('validateAgent', { ...order, name: params.name });
      await store.write('issueWanted', { instanceIds, nowMs: order.nowMs });
      for (const id of instanceIds) dispatcher.touch(id, { resends: true });
      return agentNamed(params.name);
    },
    renameAgent: async ({ params, body, caller }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: body.why };
      const { newName } = body;
      await store.write('renameAgent', { ...order, name: params.name, newName });
      const agent = await agentNamed(newName);
      const session = options.sessions.of(agent.instanceId);
      if (session !== null) session.agentName = newName;
      return agent;
    },
    releaseQuarantine: async ({ params, body, caller }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: body.why };
      await store.write('releaseQuarantine', { ...order, name: params.name });
      return agentNamed(params.name);
    },
    upgradeAgent: async ({ params, body, caller }) => {
      const ordered = await store.write('orderUpgrade', {
        nowMs: clock.nowMs(),
        principal: caller.principal,
        why: body.why,
        agentName: params.name,
        component: body.component,
        version: body.version ?? null,
        isForced: body.isForced,
        pace: body.pace,
        key: body.key ?? null,
      });
      const [command] = await afterDispatch(options, [ordered.command]);
      return { command: command ?? commandViewOf(ordered.command), isNew: ordered.isNew };
    },
    whyAgent: async ({ params }) => ({ reasons: [...(await options.why.reasonsOf(params.name))] }),
    whyAgents: ({ query }) => {
      const { select = EVERYBODY, after = null, limit } = query;
      return options.why.page({ selector: selectorOf(select), after, limit });
    },
  };
}

/** One more than fits into the page, where there are more; null: no selector was given. */
async function selectedNames(
  options: AgentHandlersOptions,
  query: {
    readonly select?: string | undefined;
    readonly group?: string | undefined;
    readonly after?: string | undefined;
    readonly limit: number;
  },
): Promise<readonly string[] | null> {
  if (query.select === undefined) return null;
  const selected = selectorOf(query.select);
  const selector: Selector =
    query.group === undefined
      ? selected
      : { kind: 'and', terms: [selectorOf(`group="${query.group}"`), selected] };
  const names: string[] = [];
  for await (const { agentName } of options.selection.walk({ selector, after: query.after })) {
    names.push(agentName);
    if (names.length > query.limit) break;
  }
  return names;
}

async function readAgent(options: AgentHandlersOptions, name: string): Promise<Agent> {
  const { store, clock, sessions } = options;
  const view = await store.read('agentByName', name);
  if (view === null) throw new CodedError('not-found', `there is no agent ${name}`);
  return agentOf({ store, sessions, nowMs: clock.nowMs() }, view);
}
