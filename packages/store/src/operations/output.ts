/* A batch of output: its items and the last sequence move in one transaction; acknowledged after the commit (C14). */
import { CodedError } from '@moult/core/errors';
import type { TaskRunTable } from '../database.ts';
import { applyEvent, commandOf } from './command-rows.ts';
import type { WriteContext } from './context.ts';
import { applyFinish, type Finished, type FinishReport } from './finish.ts';
import { addHistory } from './history.ts';
import { type InstanceRow, instanceById } from './instances.ts';
import { addOutputRows, type NewOutputRow } from './output-rows.ts';
import { prepared } from './prepared.ts';
import { issueWantedOf } from './wanted.ts';

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
  const rows: NewOutputRow[] = [];
  const last = await lastSequence(context, { instance, batch, rows });
  const finished: Finished[] = [];
  let sequence = batch.firstSequence - 1;
  for (const item of batch.items) {
    sequence += item.kind === 'gap' ? item.covers : 1;
    // Q20: of a gap that covers also what is known already, the rest is news: it is kept as it was said.
    if (sequence <= last) continue;
    switch (item.kind) {
      case 'taskRun':
        rows.push(await noteRun(context, { instance, run: item.run, batch, sequence }));
        break;
      case 'finish': {
        const { id: instanceId, platform } = instance;
        const about = { instanceId, platform, nowMs: batch.nowMs };
        finished.push(await applyFinish(context, about, item.finish));
        break;
      }
      case 'gap':
        rows.push({
          ...OF_NO_TASK,
          kind: 'gap',
          sequence,
          at_ms: batch.nowMs,
          content: item.content,
        });
        break;
      case 'record':
        rows.push(recordRowOf(item, sequence));
    }
  }
  const newLast = Math.max(last, sequence);
  // Q21: one row a record or gap, and one of the instance a batch: none of history.
  const bytes = await addOutputRows(context, batch, rows);
  await setStored(context.db, {
    id: instance.id,
    epoch: batch.epoch,
    sequence: newLast,
    bytes: instance.output_bytes + bytes,
  });
  if (finished.some((one) => one.kind === 'ended' && !one.isTask)) {
    await issueWantedOf(context, { instance, nowMs: batch.nowMs });
  }
  return { lastSequence: newLast, finished };
}

const OF_NO_TASK = { stream: '', task: '', run: '' } as const;

function recordRowOf(
  { kind, stream, task, run, atMs, content }: Extract<NewOutput, { kind: 'record' }>,
  sequence: number,
): NewOutputRow {
  return { kind, sequence, stream, task, run, at_ms: atMs, content };
}

const setStored = prepared(
  (
    db,
    of: {
      readonly id: string;
      readonly epoch: string;
      readonly sequence: number;
      readonly bytes: number;
    },
  ) =>
    db
      .updateTable('instances')
      .set({ output_epoch: of.epoch, output_sequence: of.sequence, output_bytes: of.bytes })
      .where('id', '=', of.id),
);

/** What is said last is the truth: a run is told when it starts, which its command must show, and when it is over. */
async function noteRun(
  context: WriteContext,
  of: {
    readonly instance: InstanceRow;
    readonly run: ReportedRun;
    readonly batch: OutputBatch;
    readonly sequence: number;
  },
): Promise<NewOutputRow> {
  const { instance, run, batch, sequence } = of;
  const command = await commandOf(context.db, { id: run.command_id, instanceId: instance.id });
  const row = { ...run, command_id: command?.id ?? '', received_ms: batch.nowMs };
  await context.db
    .insertInto('task_runs')
    .values({ ...row, instance_id: instance.id, agent_name: instance.agent_name })
    .onConflict((conflict) => conflict.columns(['instance_id', 'run']).doUpdateSet(row))
    .execute();
  if (command !== null && command.state !== 'running') {
    await applyEvent(context, command, {
      event: 'progressed',
      nowMs: batch.nowMs,
      set: { hold_reason: null, host_hold_reason: null },
    });
  }
  return {
    kind: 'run',
    sequence,
    stream: '',
    task: run.task,
    run: run.run,
    at_ms: run.ended_ms ?? run.started_ms,
    content: Buffer.from(JSON.stringify(run)),
  };
}

/** The sequence below which everything is known; a hole or a new epoch is said in history, a hole among the output too. */
async function lastSequence(
  context: WriteContext,
  of: {
    readonly instance: InstanceRow;
    readonly batch: OutputBatch;
    readonly rows: NewOutputRow[];
  },
): Promise<number> {
  const { instance, batch, rows } = of;
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
  if (missing > 0) {
    const content = Buffer.from(JSON.stringify({ reason: 'missing', items: missing, bytes: 0 }));
    const sequence = batch.firstSequence - 1;
    rows.push({ ...OF_NO_TASK, kind: 'gap', sequence, at_ms: batch.nowMs, content });
  }
  return Math.max(last, 0);
}
