/*
 * What goes with time: output after its days or beyond its bytes, oldest first, and runs with their commands after
 * theirs. In small writes, so that nobody waits for one. What a forward has not handed on yet stays, up to a limit.
 */

import type { OutputTable } from '../database.ts';
import { OPEN_STATES } from './command-rows.ts';
import type { ReadContext, WriteContext } from './context.ts';

/** What one write may drop: records are half a MiB at most, and many of them would hold up whoever writes. */
const BYTES_AT_ONCE = 16_777_216;

/** An instance that has output. */
export interface OutputHolder {
  readonly id: string;
  readonly bytes: number;
  /** When its oldest row was received; null: all have gone. */
  readonly oldestMs: number | null;
}

/** By id; removed instances too. */
export async function outputHolders(
  db: ReadContext,
  page: { readonly after: string; readonly limit: number },
): Promise<readonly OutputHolder[]> {
  const rows = await db
    .selectFrom('instances')
    .select((build) => [
      'instances.id',
      'instances.output_bytes',
      build
        .selectFrom('output')
        .select('output.received_ms')
        .whereRef('output.instance_id', '=', 'instances.id')
        .orderBy('output.position')
        .limit(1)
        .as('oldest_ms'),
    ])
    .where('instances.id', '>', page.after)
    .where('instances.output_sequence', '>', 0)
    .orderBy('instances.id')
    .limit(page.limit)
    .execute();
  return rows.map(({ id, output_bytes: bytes, oldest_ms: oldestMs }) => ({ id, bytes, oldestMs }));
}

export interface OutputDropping {
  readonly instanceId: string;
  /** What was received before goes. */
  readonly beforeMs: number;
  /** What is beyond goes. */
  readonly bytesMax: number;
  /** Positions above stay for a forward, unless they are beyond `heldBytesMax`; null: nothing is forwarded. */
  readonly forwardedUpTo: number | null;
  readonly heldBytesMax: number;
  readonly limit: number;
}

/** Oldest first. Gives whether there is more to do. */
export async function dropOutput(
  context: WriteContext,
  args: OutputDropping,
): Promise<{ readonly dropped: number; readonly isMore: boolean }> {
  const { db } = context;
  const { instanceId, limit } = args;
  const instance = await db
    .selectFrom('instances')
    .select('output_bytes')
    .where('id', '=', instanceId)
    .executeTakeFirst();
  if (instance === undefined) return { dropped: 0, isMore: false };
  const rows = await db
    .selectFrom('output')
    .select((build) => [
      'position',
      'received_ms',
      'kind',
      build.fn<number>('length', ['content']).as('bytes'),
    ])
    .where('instance_id', '=', instanceId)
    .orderBy('position')
    .limit(limit)
    .execute();
  let bytesLeft = instance.output_bytes;
  const bytesEnough = bytesLeft - BYTES_AT_ONCE;
  let dropped = 0;
  let upTo = 0;
  const lost: Lost[] = [];
  for (const row of rows) {
    const isHeld = args.forwardedUpTo !== null && row.position > args.forwardedUpTo;
    const bytesMax = isHeld ? Math.max(args.heldBytesMax, args.bytesMax) : args.bytesMax;
    const isOld = row.received_ms < args.beforeMs && !isHeld;
    if ((!isOld && bytesLeft <= bytesMax) || bytesLeft < bytesEnough) break;
    bytesLeft -= row.bytes;
    dropped += 1;
    upTo = row.position;
    if (isHeld) lost.push(row);
  }
  // A gap alone would only take its own place.
  if (dropped === 0 || (dropped === 1 && lost[0]?.kind === 'gap')) {
    return { dropped: 0, isMore: false };
  }
  const content = lost.length > 0 ? await gapContent(context, lost) : null;
  await db
    .deleteFrom('output')
    .where('instance_id', '=', instanceId)
    .where('position', content === null ? '<=' : '<', upTo)
    .execute();
  if (content !== null) {
    bytesLeft += content.length;
    await db
      .updateTable('output')
      .set({ kind: 'gap', stream: '', task: '', run: '', content })
      .where('position', '=', upTo)
      .execute();
  }
  await db
    .updateTable('instances')
    .set({ output_bytes: Math.max(0, bytesLeft) })
    .where('id', '=', instanceId)
    .execute();
  return { dropped, isMore: dropped === limit || bytesLeft < bytesEnough };
}

interface Lost {
  readonly position: number;
  readonly kind: OutputTable['kind'];
  readonly bytes: number;
}

interface Counts {
  readonly items: number;
  readonly bytes: number;
}

/** One gap for all of them, with what the gaps among them said already. */
async function gapContent({ db }: WriteContext, lost: readonly Lost[]): Promise<Uint8Array> {
  let { items, bytes }: Counts = { items: 0, bytes: 0 };
  for (const { position, kind, bytes: own } of lost) {
    if (kind === 'gap') {
      const row = await db
        .selectFrom('output')
        .select('content')
        .where('position', '=', position)
        .executeTakeFirstOrThrow();
      const said = JSON.parse(Buffer.from(row.content).toString()) as Counts;
      items += said.items;
      bytes += said.bytes;
    } else {
      items += 1;
      bytes += own;
    }
  }
  return Buffer.from(JSON.stringify({ reason: 'not-forwarded', items, bytes }));
}

/** Runs of which nothing was heard since, and commands of tasks that ended before. */
export async function dropRuns(
  context: WriteContext,
  args: { readonly beforeMs: number; readonly limit: number },
): Promise<{ readonly isMore: boolean }> {
  const { db } = context;
  const runs = await db
    .selectFrom('task_runs')
    .select(['instance_id', 'run'])
    .where('started_ms', '<', args.beforeMs)
    .where('received_ms', '<', args.beforeMs)
    .orderBy('started_ms')
    .limit(args.limit)
    .execute();
  for (const { instance_id, run } of runs) {
    await db
      .deleteFrom('task_runs')
      .where('instance_id', '=', instance_id)
      .where('run', '=', run)
      .execute();
  }
  const commands = await db
    .selectFrom('commands')
    .select('id')
    .where('kind', '=', 'task')
    .where('created_ms', '<', args.beforeMs)
    .where('ended_ms', '<', args.beforeMs)
    .where('state', 'not in', OPEN_STATES)
    .orderBy('created_ms')
    .limit(args.limit)
    .execute();
  if (commands.length > 0) {
    await db
      .deleteFrom('commands')
      .where(
        'id',
        'in',
        commands.map(({ id }) => id),
      )
      .execute();
  }
  return { isMore: runs.length === args.limit || commands.length === args.limit };
}
