/* What operators do with agents besides upgrading them, and with commands that they no longer want. */
import { HOLD_REASONS, type HoldReason } from '@moult/core/command';
import { mayDo } from '@moult/core/permission';
import { type Clock, nextTurn } from '@moult/runtime/clock';
import type { CommandTable, Controlled, Removed, Store, TakenBack } from '@moult/store';
import type { Sessions } from '../../gateway/sessions.ts';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import { actOnAll, existingOrSelected, type Refusal } from '../../registry/many.ts';
import type { Selection } from '../../registry/selection.ts';
import { type Caller, permissionDenied } from '../authentication.ts';
import type { Handlers } from '../handler.ts';
import { commandViewOf } from '../views.ts';

export interface ControlHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly selection: Selection;
}

/** Read in one turn of the loop: a few milliseconds. */
const SIDE_BY_SIDE = 50;

type ControlHandlers = Pick<
  Handlers,
  'controlAgents' | 'removeAgents' | 'revokeCommand' | 'skipCommand'
>;

export function controlHandlers(options: ControlHandlersOptions): ControlHandlers {
  const { store, clock, dispatcher, sessions } = options;
  const takeBack = async (
    write: 'revokeCommand' | 'skipCommand',
    of: { readonly id: string; readonly principal: string; readonly why: string },
  ) => {
    const done: TakenBack = await store.write(write, { ...of, nowMs: clock.nowMs() });
    dispatcher.tellTakenBack(done.command);
    dispatcher.touch(done.command.instance_id);
    await dispatcher.touchGroup(done.command.group_name);
    return { command: commandViewOf(done.command), effect: done.effect };
  };
  return {
    controlAgents: async ({ body, caller }) => {
      const { action: kind, why, key = null } = body;
      const ofKey = key === null ? null : `${kind}-${key}`;
      const instances = await existingOrSelected(options, { ...body, key: ofKey });
      const { done, refused, unfinished } = await actOnAll(instances, async (one) => {
        const { agentName: agent, instanceId } = one;
        const isConnected = sessions.of(instanceId) !== null;
        const order = { nowMs: clock.nowMs(), principal: caller.principal, why };
        const act = { ...order, instanceId, isConnected, kind, key };
        return { agent, done: await store.write('orderControl', act) };
      });
      const commands = done.flatMap((one) =>
        one.done.kind === 'ordered' ? [one.done.command] : [],
      );
      await dispatcher.decide(commands.map((command) => command.instance_id));
      const results = [];
      for (const one of done) {
        results.push(await controlResult(store, { ...one, action: kind }));
        if (results.length % SIDE_BY_SIDE === 0) await nextTurn();
      }
      return { results: [...results, ...refused.map(goneResult)], unfinished };
    },
    removeAgents: async ({ body, caller }) => {
      const instances = await existingOrSelected(options, body);
      const { done, refused, unfinished } = await actOnAll(instances, async (one) => {
        const { agentName: agent, instanceId } = one;
        const isConnected = sessions.of(instanceId) !== null;
        const order = { nowMs: clock.nowMs(), principal: caller.principal, why: body.why };
        const removed = await store.write('removeInstance', { ...order, instanceId, isConnected });
        if (removed.kind === 'removed') sessions.of(instanceId)?.close('decommissioned');
        return removeResult(agent, removed);
      });
      return { results: [...done, ...refused.map(goneResult)], unfinished };
    },
    revokeCommand: async ({ params, body, caller }) => {
      await requireMayRevoke(store, { id: params.id, caller });
      return takeBack('revokeCommand', {
        id: params.id,
        principal: caller.principal,
        why: body.why,
      });
    },
    skipCommand: ({ params, body, caller }) =>
      takeBack('skipCommand', { id: params.id, principal: caller.principal, why: body.why }),
  };
}

/** Who may give an order may take it back. Throws `permission-denied`. */
async function requireMayRevoke(
  store: Store,
  of: { readonly id: string; readonly caller: Caller },
): Promise<void> {
  if (mayDo(of.caller.role, 'upgrade')) return;
  const command = await store.read('commandById', of.id);
  if (command?.kind !== 'autoUpgrade') return;
  throw permissionDenied(of.caller, 'upgrade');
}

/** It ceased to be there while others were acted on. */
function goneResult(refusal: Refusal) {
  const { agent, code, message } = refusal;
  return { agent, outcome: 'refused' as const, command: null, code, message };
}

async function controlResult(
  store: Store,
  of: { readonly agent: string; readonly action: string; readonly done: Controlled },
) {
  const { agent, action, done } = of;
  const plain = { agent, command: null, code: null, message: null };
  switch (done.kind) {
    case 'ordered': {
      const now: CommandTable = (await store.read('commandById', done.command.id)) ?? done.command;
      return { ...plain, outcome: 'ordered' as const, command: commandViewOf(now) };
    }
    case 'nothing':
      return {
        ...plain,
        outcome: 'nothing' as const,
        message: `${agent} is ${done.state}: there is nothing to ${action}`,
      };
    case 'refused': {
      const message = refusalText({ agent, action, reason: done.reason });
      return { ...plain, outcome: 'refused' as const, code: done.reason, message };
    }
    case 'incapable': {
      const message = `${agent} runs a version that cannot be asked to ${action}`;
      return { ...plain, outcome: 'refused' as const, code: 'capability-missing', message };
    }
  }
}

function removeResult(agent: string, done: Removed) {
  if (done.kind === 'removed') {
    return { agent, outcome: 'removed' as const, code: null, message: null };
  }
  const message = refusalText({ agent, action: 'remove', reason: done.reason });
  return { agent, outcome: 'refused' as const, code: done.reason, message };
}

function refusalText(of: {
  readonly agent: string;
  readonly action: string;
  readonly reason: HoldReason;
}): string {
  const { text, freedBy } = HOLD_REASONS[of.reason];
  const next = freedBy === null ? '' : `; ${freedBy.replace(/\bAGENT\b/g, of.agent)}`;
  return `${of.agent}: cannot ${of.action} now: ${text}${next}`;
}
