/* Tasks: what hosts offer, orders of runs for many agents, and what became of them. */
import type { OfferedTask } from '@moult/api';
import { CodedError } from '@moult/core/errors';
import { TASK_NOT_AFTER_MS } from '@moult/core/task';
import { type Clock, nextTurn } from '@moult/runtime/clock';
import {
  type CommandTable,
  type FleetOffer,
  type RunPlace,
  runPlaceOf,
  type Store,
  type TaskOrdered,
} from '@moult/store';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import { actOnAll, existingOrSelected, type Refusal } from '../../registry/many.ts';
import type { Selection } from '../../registry/selection.ts';
import type { Handlers } from '../handler.ts';
import { commandViewOf, runViewOf } from '../views.ts';

export interface TaskHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  readonly selection: Selection;
}

/** Read in one turn of the loop: a few milliseconds. */
const SIDE_BY_SIDE = 50;
/** A remedy that names hundreds of tasks helps nobody. */
const NAMED_MAX = 20;

const TASKS_WAITING = 'as many tasks as may be wait for it, or run on it, already';

type TaskHandlers = Pick<Handlers, 'orderTasks' | 'listTasks' | 'listRuns' | 'getRun'>;

export function taskHandlers(options: TaskHandlersOptions): TaskHandlers {
  const { store, clock, dispatcher } = options;
  return {
    orderTasks: async ({ body, caller }) => {
      const { task, parameters, why, key = null } = body;
      const nowMs = clock.nowMs();
      const notAfterMs = body.notAfterMs ?? nowMs + TASK_NOT_AFTER_MS;
      if (notAfterMs <= nowMs) {
        throw new CodedError('request-invalid', 'body.notAfterMs: that time has passed already');
      }
      const ofKey = key === null ? null : `task-${key}`;
      const instances = await existingOrSelected(options, { ...body, key: ofKey });
      const order = { nowMs, principal: caller.principal, why, task, parameters, key, notAfterMs };
      const { done, refused, unfinished } = await actOnAll(instances, async (one) => {
        const { agentName: agent, instanceId } = one;
        return { agent, done: await store.write('orderTask', { ...order, instanceId }) };
      });
      const ids = done.flatMap((one) =>
        one.done.kind === 'ordered' ? [one.done.command.instance_id] : [],
      );
      await dispatcher.decide(ids);
      const results = [];
      for (const one of done) {
        results.push(await orderResult(store, { ...one, task }));
        if (results.length % SIDE_BY_SIDE === 0) await nextTurn();
      }
      return { results: [...results, ...refused.map(goneResult)], unfinished };
    },
    listTasks: async ({ query }) => {
      const { agent = null, after = null, limit } = query;
      if (agent !== null) await requireAgent(store, agent);
      const offers = await store.read('taskOffers', { agent, after, limit: limit + 1 });
      const tasks = offers.slice(0, limit).map(offeredTaskOf);
      return { tasks, next: offers.length > limit ? (tasks.at(-1)?.name ?? null) : null };
    },
    listRuns: async ({ query }) => {
      const { agent = null, task = null, state, limit } = query;
      const before = query.before === undefined ? null : placeIn(query.before);
      const page = { agent, task, run: null, state, before, limit: limit + 1 };
      const views = await store.read('runPage', page);
      const last = views[limit - 1];
      const isMore = views.length > limit && last !== undefined;
      return {
        runs: views.slice(0, limit).map(runViewOf),
        next: isMore ? textOf(runPlaceOf(last)) : null,
      };
    },
    getRun: async ({ params }) => {
      const { name: agent, run } = params;
      const page = { agent, run, task: null, state: 'all', before: null, limit: 1 } as const;
      const [view] = await store.read('runPage', page);
      if (view !== undefined) return runViewOf(view);
      throw new CodedError('not-found', `there is no run ${run} of ${agent}`);
    },
  };
}

async function requireAgent(store: Store, name: string): Promise<void> {
  if ((await store.read('agentByName', name)) !== null) return;
  throw new CodedError('not-found', `there is no agent ${name}`);
}

async function orderResult(
  store: Store,
  of: { readonly agent: string; readonly task: string; readonly done: TaskOrdered },
) {
  const { agent, task, done } = of;
  const refused = { agent, outcome: 'refused' as const, command: null, run: null };
  switch (done.kind) {
    case 'ordered': {
      const now: CommandTable = (await store.read('commandById', done.command.id)) ?? done.command;
      const run = `${now.id}/${now.attempt}`;
      const command = commandViewOf(now);
      return { agent, outcome: 'ordered' as const, command, run, code: null, message: null };
    }
    case 'incapable': {
      const message = `${agent} runs a version that knows no tasks`;
      return { ...refused, code: 'capability-missing', message };
    }
    case 'full':
      return { ...refused, code: 'tasks-waiting', message: `${agent}: ${TASKS_WAITING}` };
    case 'not-listed': {
      const some = done.offered.slice(0, NAMED_MAX).join(', ');
      const more = done.offered.length > NAMED_MAX ? ', …' : '';
      const offered = some === '' ? 'it offers none' : `it offers ${some}${more}`;
      const message = `${agent} has no task ${task}; ${offered}`;
      return { ...refused, code: 'task-not-listed', message };
    }
  }
}

/** It ceased to be there while others were acted on. */
function goneResult({ agent, code, message }: Refusal) {
  return { agent, outcome: 'refused' as const, command: null, run: null, code, message };
}

function offeredTaskOf(offer: FleetOffer): OfferedTask {
  const { name, description, parameters, schedule, timeZone, agents, isUniform } = offer;
  return {
    name,
    description,
    parameters: [...parameters],
    schedule: schedule === '' ? null : { cron: schedule, timeZone },
    agents,
    isUniform,
  };
}

function textOf({ createdMs, instanceId, run }: RunPlace): string {
  return `${createdMs}:${instanceId}:${run}`;
}

/** Throws `request-invalid`. */
function placeIn(text: string): RunPlace {
  const [, createdMs = '', instanceId = '', run = ''] =
    /^(\d{1,15}):([0-9a-z]{4,40}):(.{1,2000})$/.exec(text) ?? [];
  if (run !== '') return { createdMs: Number(createdMs), instanceId, run };
  throw new CodedError('request-invalid', 'query.before: not the `next` of a page of runs');
}
