/* A batch of output: its items and the last sequence move in one transaction; acknowledged after the commit (C14). */
import { CodedError } from '@moult/core/errors';
import type { TaskRunTable } from '../database.ts';
import { applyEvent, commandOf } from './command-rows.ts';
import type { WriteContext } from './context.ts';
import { applyFinish, type Finished, type FinishReport } from './finish.ts';
import { addHistory } from './history.ts';
import { type InstanceRow, instanceById } from './instances.ts';
import { issueWanted } from './wanted.ts';

export type NewOutput =
  | { readonly kind: 'finish'; readonly finish: FinishReport }
  | {
      readonly kind: 'record';
      readonly stream: string;
      readonly task: string;
      readonly run: string;
      readonly atMs: number;
      readonly content: Uint8Array;
    }
  /** `covers`: how many sequence numbers it takes, at least one. */
  | { readonly kind: 'gap'; readonly covers: number; readonly content: Uint8Array }
  | { readonly kind: 'taskRun'; readonly run: ReportedRun };

/** A run as its host tells it; see TaskRunTable. */
export type ReportedRun = Omit<TaskRunTable, 'instance_id' | 'agent_name' | 'received_ms'>;

export interface OutputBatch {
  readonly instanceId: string;
  readonly epoch: string;
  readonly firstSequence: number;
  readonly items: readonly NewOutput[];
  readonly nowMs: number;
}

export interface OutputStored {
  readonly lastSequence: number;
  readonly finished: readonly Finished[];
}

export async function storeOutput(
  context: WriteContext,
  batch: OutputBatch,
): Promise<OutputStored> {
  const instance = await instanceById(context.db, batch.instanceId);
  if (instance === null) throw new CodedError('not-found', 'there is no such instance');
  const last = await lastSequence(context, { instance, batch });
  const finished: Finished[] = [];
  let sequence = batch.firstSequence - 1;
  for (const item of batch.items) {
    sequence += item.kind === 'gap' ? item.covers : 1;
    if (sequence <= last) continue;
    if (item.kind === 'taskRun') await noteRun(context, { instance, run: item.run, batch });
    else if (item.kind === 'finish') {
      const about = {
        instanceId: instance.id,
        platform: instance.platform,
        nowMs: batch.nowMs,
      };
      finished.push(await applyFinish(context, about, item.finish));
    } else {
      const isRecord = item.kind === 'record';
      await context.db
        .insertInto('output')
        .values({
          instance_id: instance.id,
          epoch: batch.epoch,
          sequence,
          kind: item.kind,
          stream: isRecord ? item.stream : '',
          task: isRecord ? item.task : '',
          run: isRecord ? item.run : '',
          at_ms: isRecord ? item.atMs : batch.nowMs,
          received_ms: batch.nowMs,
          content: item.content,
        })
        .execute();
    }
  }
  const newLast = Math.max(last, sequence);
  await context.db
    .updateTable('instances')
    .set({ output_epoch: batch.epoch, output_sequence: newLast })
    .where('id', '=', instance.id)
    .execute();
  if (finished.some((one) => one.kind === 'ended' && !one.isTask)) {
    await issueWanted(context, { instanceIds: [instance.id], nowMs: batch.nowMs });
  }
  return { lastSequence: newLast, finished };
}

/** What is said last is the truth: a run is told when it starts, which its command must show, and when it is over. */
async function noteRun(
  context: WriteContext,
  of: {
    readonly instance: InstanceRow;
    readonly run: ReportedRun;
    readonly batch: OutputBatch;
  },
): Promise<void> {
  const { instance, run, batch } = of;
  const command = await commandOf(context.db, { id: run.command_id, instanceId: instance.id });
  const row = { ...run, command_id: command?.id ?? '', received_ms: batch.nowMs };
  await context.db
    .insertInto('task_runs')
    .values({ ...row, instance_id: instance.id, agent_name: instance.agent_name })
    .onConflict((conflict) => conflict.columns(['instance_id', 'run']).doUpdateSet(row))
    .execute();
  if (command === null || command.state === 'running') return;
  await applyEvent(context, command, {
    event: 'progressed',
    nowMs: batch.nowMs,
    set: { hold_reason: null, host_hold_reason: null },
  });
}

/** The sequence below which everything is known; a hole or a new epoch is said in history, never silent. */
async function lastSequence(
  context: WriteContext,
  of: { readonly instance: InstanceRow; readonly batch: OutputBatch },
): Promise<number> {
  const { instance, batch } = of;
  const isKnown = batch.epoch === instance.output_epoch;
  const last = isKnown ? instance.output_sequence : 0;
  const missing = batch.firstSequence - last - 1;
  const isFirst = instance.output_epoch === '';
  if ((!isKnown && !isFirst) || missing > 0) {
    await addHistory(context, {
      nowMs: batch.nowMs,
      kind: missing > 0 ? 'output-missing' : 'output-epoch',
      agentName: instance.agent_name,
      instanceId: instance.id,
      detail: { epoch: batch.epoch, last, first: batch.firstSequence },
    });
  }
  return Math.max(last, 0);
}
