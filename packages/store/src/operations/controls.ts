/*
 * What operators do with an agent besides upgrading it: pause, resume, restart and clear are commands like any other;
 * removing is done here, at once. Core's table says what may be done in which state (A1).
 */
import { actionAnswer } from '@moult/core/agent-actions';
import type { AgentState } from '@moult/core/agent-state';
import { CAPABILITY_FOR, type ControlKind, type HoldReason } from '@moult/core/command';
import type { CommandTable } from '../database.ts';
import { applyEvent, openCommandsOf } from './command-rows.ts';
import { addCommand, commandByKey } from './commands.ts';
import type { Order, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { activeInstance, type InstanceRow } from './instances.ts';

interface Acting extends Order {
  readonly instanceId: string;
  /** The only fact about its state that no table has. */
  readonly isConnected: boolean;
}

export interface Controlling extends Acting {
  readonly kind: ControlKind;
  /** The same key gives the same command (C6). */
  readonly key: string | null;
}

export type Controlled =
  | { readonly kind: 'ordered'; readonly command: CommandTable; readonly isNew: boolean }
  /** It is so already. */
  | { readonly kind: 'nothing'; readonly state: AgentState }
  | { readonly kind: 'refused'; readonly reason: HoldReason }
  /** The agent is too old to know this. */
  | { readonly kind: 'incapable' };

/** Throws `not-found`. */
export async function orderControl(context: WriteContext, args: Controlling): Promise<Controlled> {
  const instance = await activeInstance(context.db, args.instanceId);
  const key = args.key === null ? null : `${args.kind}-${args.key}`;
  const same =
    key === null ? null : await commandByKey(context.db, { instanceId: instance.id, key });
  if (same !== null) return { kind: 'ordered', command: same, isNew: false };
  const facts = actionFactsOf(instance, args.isConnected);
  const answer = actionAnswer(args.kind, facts);
  if (answer.kind === 'refuse') return { kind: 'refused', reason: answer.reason };
  const isContraryOnItsWay = await skipContrary(context, { ...args, instance });
  if (answer.kind === 'nothing' && !isContraryOnItsWay) {
    return { kind: 'nothing', state: facts.state };
  }
  const capabilities = JSON.parse(instance.capabilities) as readonly string[];
  const isKnown = instance.came_up_ms !== null;
  if (isKnown && !capabilities.includes(CAPABILITY_FOR[args.kind])) return { kind: 'incapable' };
  const { nowMs, principal, why } = args;
  const command = await addCommand(context, {
    instance,
    kind: args.kind,
    component: 'agent',
    version: '',
    isForced: false,
    notBeforeMs: 0,
    key,
    origin: 'manual',
    nowMs,
    principal,
    why,
  });
  return { kind: 'ordered', command, isNew: true };
}

/**
 * A pause that still waits and a resume after it (or the other way round) would only undo each other. True: one is on
 * its way to the host, so that what the state says now will not be so for long.
 */
async function skipContrary(
  context: WriteContext,
  args: Controlling & { readonly instance: InstanceRow },
): Promise<boolean> {
  const contrary: Readonly<Record<ControlKind, readonly ControlKind[]>> = {
    pause: ['pause', 'resume'],
    resume: ['pause', 'resume'],
    restart: ['restart'],
    clear: ['clear'],
  };
  let isOnItsWay = false;
  for (const command of await openCommandsOf(context.db, args.instance.id)) {
    const isContrary = (contrary[args.kind] as readonly string[]).includes(command.kind);
    if (!isContrary) continue;
    if (command.state !== 'queued') {
      isOnItsWay ||= command.kind !== args.kind;
      continue;
    }
    await applyEvent(context, command, {
      event: 'skipped',
      nowMs: args.nowMs,
      ending: {
        outcome: 'skipped',
        code: null,
        message: 'a newer order stands',
        principal: args.principal,
      },
    });
  }
  return isOnItsWay;
}

export type Removed =
  | { readonly kind: 'removed' }
  | { readonly kind: 'refused'; readonly reason: HoldReason };

/**
 * Decommissions an instance (O2): it gets nothing any more, and its key is refused for ever; what happened to it stays
 * in history. Throws `not-found`.
 */
export async function removeInstance(context: WriteContext, args: Acting): Promise<Removed> {
  const instance = await activeInstance(context.db, args.instanceId);
  const answer = actionAnswer('remove', actionFactsOf(instance, args.isConnected));
  if (answer.kind === 'refuse') return { kind: 'refused', reason: answer.reason };
  const { nowMs, principal, why } = args;
  for (const command of await openCommandsOf(context.db, instance.id)) {
    const message = 'the agent was removed';
    await applyEvent(context, command, {
      event: command.state === 'queued' ? 'skipped' : 'revoked',
      nowMs,
      ending: { outcome: 'removed', code: null, message, principal },
    });
  }
  await context.db
    .updateTable('instances')
    .set({ role: 'removed', removed_ms: nowMs, removed_by: principal, removed_why: why })
    .where('id', '=', instance.id)
    .execute();
  // A new host of this name must not get what was chosen for the old one.
  for (const table of ['choices', 'withdrawn_choices'] as const) {
    await context.db
      .deleteFrom(table)
      .where('scope', '=', 'agent')
      .where('subject', '=', instance.agent_name)
      .execute();
  }
  await addHistory(context, {
    nowMs,
    kind: 'decommissioned',
    principal,
    why,
    agentName: instance.agent_name,
    instanceId: instance.id,
  });
  return { kind: 'removed' };
}

function actionFactsOf(
  instance: InstanceRow,
  isConnected: boolean,
): { readonly state: AgentState; readonly isInProbation: boolean } {
  const marks = JSON.parse(instance.marks) as readonly string[];
  return {
    state: isConnected ? instance.state : 'Down',
    isInProbation: marks.includes('probation'),
  };
}
