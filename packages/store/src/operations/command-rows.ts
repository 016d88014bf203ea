/* Changing a command's row: the table decides (core/command), the row and its history follow in one transaction. */
import { type CommandEvent, type CommandState, commandAfter, isEnded } from '@moult/core/command';
import { RUNS_AT_HOST_MAX } from '@moult/core/task';
import { type RawBuilder, sql } from 'kysely';
import type { CommandTable } from '../database.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { prepared, preparedByNames } from './prepared.ts';
import { noteMemberEnd, noteMemberTaken } from './rollout/members.ts';

/**
 * `kind` of a command, beside an instance or a state. The column alone would make SQLite, which keeps no numbers of its tables,
 * take the index by which commands of a kind are listed, and read all tasks that there ever were for each order of one.
 */
export const KIND: RawBuilder<CommandTable['kind']> = sql<
  CommandTable['kind']
>`(commands.kind || '')`;

export const OPEN_STATES: CommandState[] = ['queued', 'sent', 'accepted', 'running'];
/** From the wire to the host's report: at most one a group takes its turn here. */
export const IN_FLIGHT_STATES: CommandState[] = ['sent', 'accepted', 'running'];

/** C5: a command that ends keeps how, and says so in history. */
export interface Ending {
  readonly outcome: string;
  readonly code: string | null;
  readonly message: string | null;
  readonly principal?: string;
}

export async function commandOf(
  db: ReadContext,
  of: { readonly id: string; readonly instanceId: string },
): Promise<CommandTable | null> {
  const [row] = await ofInstance(db, of);
  return row ?? null;
}

const ofInstance = prepared((db, of: { readonly id: string; readonly instanceId: string }) =>
  db
    .selectFrom('commands')
    .selectAll()
    .where('id', '=', of.id)
    .where('instance_id', '=', of.instanceId),
);

const openOf = prepared((db, of: { readonly instanceId: string }) =>
  db
    .selectFrom('commands')
    .selectAll()
    .where('instance_id', '=', of.instanceId)
    .where('state', 'in', OPEN_STATES)
    .orderBy('position'),
);

const openUpgrades = prepared((db, of: { readonly instanceId: string }) =>
  db
    .selectFrom('commands')
    .selectAll()
    .where('instance_id', '=', of.instanceId)
    .where(KIND, '=', 'autoUpgrade')
    .where('state', 'in', OPEN_STATES),
);

/** Of all components, in no order. */
export async function openUpgradesOf(
  db: ReadContext,
  instanceId: string,
): Promise<readonly CommandTable[]> {
  return openUpgrades(db, { instanceId });
}

const sendableOf = prepared((db, of: { readonly instanceId: string }) =>
  db
    .selectFrom(
      db
        .selectFrom('commands')
        .selectAll()
        .select(
          sql<number>`row_number() OVER (PARTITION BY kind, task ORDER BY position)`.as('nth'),
        )
        .where('instance_id', '=', of.instanceId)
        .where('state', 'in', OPEN_STATES)
        .as('open'),
    )
    .selectAll()
    .where((where) => where.or([where('kind', '<>', 'task'), where('nth', '<=', RUNS_AT_HOST_MAX)]))
    .orderBy('position'),
);

/** Oldest first, without orders of a task that stand too far behind to be sent (C22); `nth`: among those of its kind and task. */
export async function sendableCommandsOf(
  db: ReadContext,
  instanceId: string,
): Promise<readonly (CommandTable & { readonly nth: number })[]> {
  return sendableOf(db, { instanceId });
}

const outlivedOf = prepared((db, of: { readonly instanceId: string; readonly nowMs: number }) =>
  db
    .selectFrom('commands')
    .selectAll()
    .where('instance_id', '=', of.instanceId)
    .where('state', 'in', OPEN_STATES)
    .where('not_after_ms', '<=', of.nowMs)
    .orderBy('position'),
);

/** Open ones whose time has passed. */
export async function outlivedCommandsOf(
  db: ReadContext,
  of: { readonly instanceId: string; readonly nowMs: number },
): Promise<readonly CommandTable[]> {
  return outlivedOf(db, of);
}

/** Oldest first. */
export async function openCommandsOf(
  db: ReadContext,
  instanceId: string,
): Promise<readonly CommandTable[]> {
  return openOf(db, { instanceId });
}

const changeCommand = preparedByNames(
  (db, { id, ...set }: Pick<CommandTable, 'id'> & Partial<CommandTable>) =>
    db.updateTable('commands').set(set).where('id', '=', id),
);

/**
 * Moves a command by the table (C2). The row given back is the one after; where the table says `ignore` it is the same one.
 */
export async function applyEvent(
  context: WriteContext,
  row: CommandTable,
  what: {
    readonly event: CommandEvent;
    readonly nowMs: number;
    readonly ending?: Ending;
    readonly set?: Partial<CommandTable>;
  },
): Promise<CommandTable> {
  const state = commandAfter(row.state, what.event);
  if (state === row.state) return row;
  const { nowMs, ending } = what;
  const change: Partial<CommandTable> = {
    state,
    revision: row.revision + 1,
    ...what.set,
    ...(isEnded(state)
      ? {
          ended_ms: nowMs,
          hold_reason: null,
          host_hold_reason: null,
          outcome: ending?.outcome ?? state,
          code: ending?.code ?? null,
          message: ending?.message ?? null,
        }
      : {}),
  };
  await changeCommand(context.db, { ...change, id: row.id });
  if (row.origin === 'rollout' && row.state === 'queued' && ['accepted', 'running'].includes(state))
    await noteMemberTaken(context, { commandId: row.id, nowMs });
  if (row.origin === 'rollout' && isEnded(state))
    await noteMemberEnd(context, { ...row, ...change, state }, nowMs);
  await addHistory(context, {
    nowMs,
    kind: `command-${state}`,
    agentName: row.agent_name,
    instanceId: row.instance_id,
    component: row.component,
    commandId: row.id,
    attempt: row.attempt,
    ...(ending?.principal === undefined ? {} : { principal: ending.principal }),
    detail: {
      version: row.version,
      ...(ending === undefined
        ? {}
        : { outcome: ending.outcome, code: ending.code, message: ending.message }),
    },
  });
  return { ...row, ...change };
}
