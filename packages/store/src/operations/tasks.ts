/* Orders of tasks, and what hosts offer: an order is refused at once only where it is certain that the host would refuse it. */
import { CAPABILITY_FOR } from '@moult/core/command';
import type { CommandTable } from '../database.ts';
import { KIND, OPEN_STATES } from './command-rows.ts';
import { addCommand, commandByKey } from './commands.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { activeInstance, type InstanceRow } from './instances.ts';

/** A task as its host offers it. */
export interface TaskOffer {
  readonly name: string;
  readonly description: string;
  /** Their names. */
  readonly parameters: readonly string[];
  /** Cron expression; empty: ordered only. */
  readonly schedule: string;
  readonly timeZone: string;
}

export interface TaskOrdering extends Order {
  readonly instanceId: string;
  readonly task: string;
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
  /** The same key gives the same command (C6). */
  readonly key: string | null;
  /** Wall clock, ms. */
  readonly notAfterMs: number;
}

export type TaskOrdered =
  | { readonly kind: 'ordered'; readonly command: CommandTable; readonly isNew: boolean }
  /** The agent is too old to know tasks. */
  | { readonly kind: 'incapable' }
  /** With the names of those that it offers. */
  | { readonly kind: 'not-listed'; readonly offered: readonly string[] }
  /** As many as may be wait already. */
  | { readonly kind: 'full' };

/** Open tasks of one agent. */
export const OPEN_TASKS_MAX = 1_000;
/** Of their parameters, as they are stored: all of them may go out at once, and this is half of what a session takes. */
export const OPEN_TASK_BYTES_MAX = 1_048_576;

/** The parameters are the host's to judge: it alone knows its tasks (K3). Throws `not-found`. */
export async function orderTask(context: WriteContext, args: TaskOrdering): Promise<TaskOrdered> {
  const instance = await activeInstance(context.db, args.instanceId);
  const key = args.key === null ? null : `task-${args.key}`;
  const same =
    key === null ? null : await commandByKey(context.db, { instanceId: instance.id, key });
  if (same !== null) return { kind: 'ordered', command: same, isNew: false };
  if (instance.came_up_ms !== null && !knowsTasks(instance)) return { kind: 'incapable' };
  const offers = offersOf(instance);
  if (offers !== null && !offers.some(({ name }) => name === args.task)) {
    return { kind: 'not-listed', offered: offers.map(({ name }) => name) };
  }
  if (await isFull(context.db, args)) return { kind: 'full' };
  const { nowMs, principal, why, notAfterMs } = args;
  const command = await addCommand(context, {
    instance,
    kind: 'task',
    component: 'agent',
    version: '',
    isForced: false,
    notBeforeMs: 0,
    notAfterMs,
    key,
    origin: 'manual',
    nowMs,
    principal,
    why,
    task: { name: args.task, parameters: args.parameters },
  });
  return { kind: 'ordered', command, isNew: true };
}

async function isFull(db: ReadContext, args: TaskOrdering): Promise<boolean> {
  const open = await db
    .selectFrom('commands')
    .select((build) => [
      build.fn.countAll<number>().as('tasks'),
      build.fn.sum<number | null>(build.fn('length', ['parameters'])).as('length'),
    ])
    .where('instance_id', '=', args.instanceId)
    .where('state', 'in', OPEN_STATES)
    .where(KIND, '=', 'task')
    .executeTakeFirstOrThrow();
  const length = Number(open.length ?? 0) + JSON.stringify(args.parameters).length;
  return Number(open.tasks) >= OPEN_TASKS_MAX || length > OPEN_TASK_BYTES_MAX;
}

export function knowsTasks(instance: Pick<InstanceRow, 'capabilities'>): boolean {
  const capabilities = JSON.parse(instance.capabilities) as readonly string[];
  return capabilities.includes(CAPABILITY_FOR.task);
}

/** Null: it has not said yet. */
export function offersOf({ tasks }: Pick<InstanceRow, 'tasks'>): readonly TaskOffer[] | null {
  return tasks === '' ? null : (JSON.parse(tasks) as readonly TaskOffer[]);
}

/** One task of the fleet. */
export interface FleetOffer extends TaskOffer {
  /** How many agents offer it. */
  readonly agents: number;
  /** Whether it is described alike by all of them; where it is not, this is how most do. */
  readonly isUniform: boolean;
}

export interface TaskOfferPage {
  /** Null: all. */
  readonly agent: string | null;
  /** Tasks with later names; null: from the first. */
  readonly after: string | null;
  readonly limit: number;
}

/** By name. Most of a fleet has the same file, so that equal lists are read once. */
export async function taskOffers(
  db: ReadContext,
  page: TaskOfferPage,
): Promise<readonly FleetOffer[]> {
  let query = db
    .selectFrom('instances')
    .select(['tasks', (build) => build.fn.countAll<number>().as('agents')])
    .where('role', '=', 'active')
    .where('tasks', 'not in', ['', '[]'])
    .groupBy('tasks');
  if (page.agent !== null) query = query.where('agent_name', '=', page.agent);
  const byName = new Map<string, Map<string, number>>();
  for (const row of await query.execute()) {
    for (const offer of offersOf(row) ?? []) {
      const variants = byName.get(offer.name) ?? new Map<string, number>();
      const text = JSON.stringify(offer);
      byName.set(offer.name, variants.set(text, (variants.get(text) ?? 0) + Number(row.agents)));
    }
  }
  return [...byName]
    .filter(([name]) => page.after === null || name > page.after)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, page.limit)
    .map(([, variants]) => fleetOfferOf(variants));
}

function fleetOfferOf(variants: ReadonlyMap<string, number>): FleetOffer {
  const counts = [...variants].sort(([, a], [, b]) => b - a);
  const agents = counts.reduce((sum, [, count]) => sum + count, 0);
  const offer = JSON.parse(counts[0]?.[0] ?? '') as TaskOffer;
  return { ...offer, agents, isUniform: counts.length === 1 };
}
