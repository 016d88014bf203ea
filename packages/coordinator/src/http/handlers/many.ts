import type { OrderWarning } from '@moult/core/command';
import type { Clock } from '@moult/runtime/clock';
import type { Store } from '@moult/store';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import { actOnAll, namedOrSelected, withLauncher } from '../../registry/many.ts';
import type { Selection } from '../../registry/selection.ts';
import type { Handlers } from '../handler.ts';

export interface ManyHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  readonly selection: Selection;
}

type Warning = OrderWarning & { readonly agent: string };

type ManyHandlers = Pick<Handlers, 'upgradeAgents' | 'validateAgents'>;

/** Commands go out as the dispatcher comes to them: who ordered many does not wait for the last one to be sent. */
export function manyHandlers(options: ManyHandlersOptions): ManyHandlers {
  const { store, clock, dispatcher, selection } = options;
  return {
    upgradeAgents: async ({ body, caller }) => {
      const { component, isForced, pace, why } = body;
      const order = { component, isForced, pace, why, principal: caller.principal };
      const what = { ...order, version: body.version ?? null, key: body.key ?? null };
      const key = what.key === null ? null : `manual-${what.key}`;
      const all = await namedOrSelected(selection, { ...body, key });
      const { chosen, leftOut } = body.onlyWithLauncher
        ? await withLauncher(store, all)
        : { chosen: all, leftOut: [] };
      const warnings: Warning[] = [];
      const warn = (agent: string, of: readonly OrderWarning[]) => {
        warnings.push(...of.map((warning) => ({ agent, ...warning })));
      };
      const { done: ordered, ...rest } = await actOnAll(chosen, async ({ agentName: agent }) => {
        const args = { ...what, agentName: agent, nowMs: clock.nowMs() };
        if (body.isDryRun) {
          const planned = await store.read('plannedUpgrade', args);
          const { version, same } = planned;
          warn(agent, planned.warnings);
          return { agent, version, commandId: same?.id ?? null, isNew: same === null };
        }
        const done = await store.write('orderUpgrade', args);
        const { command, isNew } = done;
        warn(agent, done.warnings);
        if (isNew) dispatcher.touch(command.instance_id);
        return { agent, version: command.version, commandId: command.id, isNew };
      });
      return { ...rest, ordered, leftOut, warnings };
    },
    validateAgents: async ({ body, caller }) => {
      const order = { principal: caller.principal, why: body.why };
      const all = await namedOrSelected(selection, body);
      const { done: validated, ...rest } = await actOnAll(all, async ({ agentName: name }) => {
        const nowMs = clock.nowMs();
        const instanceIds = await store.write('validateAgent', { ...order, name, nowMs });
        await store.write('issueWanted', { instanceIds, nowMs });
        for (const id of instanceIds) dispatcher.touch(id, { resends: true });
        return name;
      });
      return { ...rest, validated };
    },
  };
}
