/*
 * Follows runs of tasks to their end, one after the other in the order in which they were ordered. Whoever waits is
 * suspended while a host is away, paused, busy or upgrading, and while the coordinator cannot be asked; all of it lies
 * on disks. Of one run its output is shown as it comes: question for question the last position is handed on, so that
 * nothing is shown twice.
 */
import type { Run as TaskRun } from '@moult/api';
import type { Client } from '@moult/api/client';
import { isEnded } from '@moult/core/command';
import { CodedError } from '@moult/core/errors';
import { EXIT } from '../exit-codes.ts';
import type { Run } from '../shell.ts';
import { formatBytes, formatDuration } from '../terminal/format.ts';
import { runEndText, runRemedyOf, runStateText } from '../terminal/run-text.ts';
import { askPatiently } from './asking.ts';
import { RecordLines } from './record-lines.ts';
import { contentOf, gapText } from './row-printer.ts';

/** Shorter than what a person notices, longer than a coordinator would mind. */
const ASK_EVERY_MS = 500;
const ROWS_MAX = 1_000;

export interface OrderedRun {
  readonly agent: string;
  readonly run: string;
}

export interface FollowRunsOptions {
  readonly client: Client;
  readonly runs: readonly OrderedRun[];
  readonly timeoutMs: number;
  /** Of one run alone: what it writes is shown as it comes. */
  readonly showsOutput: boolean;
}

/** Throws `task-not-done` where not all succeeded, `wait-ended` where not all ended in time. */
export async function followRuns(run: Run, options: FollowRunsOptions): Promise<number> {
  const endMs = run.clock.monotonicMs() + options.timeoutMs;
  const ended: TaskRun[] = [];
  for (const ordered of options.runs) {
    const output = options.showsOutput ? new RunOutput(run, options.client, ordered) : null;
    const end = await followOne(run, { client: options.client, ordered, output, endMs });
    if (end === null) throw waitEnded(ordered, ended, options);
    // Of a single one that failed the error says it.
    if (end.state === 'succeeded' || options.runs.length > 1) run.output.stepDone(runEndText(end));
    tellDropped(run, end);
    ended.push(end);
  }
  // The table form has said it already, line by line.
  if (run.output.isJson) run.output.result({ runs: ended }, () => []);
  const failed = ended.filter(({ state }) => state !== 'succeeded');
  const [first] = failed;
  if (first === undefined) return EXIT.ok;
  throw notDone(first, { failed: failed.length, of: ended.length });
}

async function followOne(
  run: Run,
  of: {
    readonly client: Client;
    readonly ordered: OrderedRun;
    readonly output: RunOutput | null;
    readonly endMs: number;
  },
): Promise<TaskRun | null> {
  const { client, ordered, output } = of;
  const params = { name: ordered.agent, run: ordered.run };
  for (;;) {
    const now = await askPatiently(run, () => client.getRun({ params, signal: run.stop }));
    if (now !== null && isEnded(now.state)) {
      if (now.startedMs !== null) await output?.showRest(now, of.endMs);
      return now;
    }
    if (now !== null) run.output.step(`${now.agent}: ${runStateText(now)}`);
    if (run.clock.monotonicMs() >= of.endMs) return null;
    const hasMore = now?.startedMs != null && (await output?.showNext(now)) === true;
    if (!hasMore) await run.clock.sleep(ASK_EVERY_MS, run.stop);
  }
}

/** What one run writes: its standard output and error to ours, other streams as lines beside them. */
class RunOutput {
  readonly #run: Run;
  readonly #client: Client;
  readonly #ordered: OrderedRun;
  readonly #others = new RecordLines();
  #after = 0;

  constructor(run: Run, client: Client, ordered: OrderedRun) {
    this.#run = run;
    this.#client = client;
    this.#ordered = ordered;
  }

  /** Whether there is more already. */
  async showNext(of: TaskRun): Promise<boolean> {
    return (await this.#show(of)) === ROWS_MAX;
  }

  /** All that is there: what a run wrote is stored before its end is. */
  async showRest(of: TaskRun, endMs: number): Promise<void> {
    const { clock, stop } = this.#run;
    for (;;) {
      const count = await this.#show(of);
      if (count === 0 || clock.monotonicMs() >= endMs) break;
      if (count === null) await clock.sleep(ASK_EVERY_MS, stop);
    }
    this.#tellOthers(this.#others.rest());
  }

  async #show({ createdMs }: TaskRun): Promise<number | null> {
    const { agent, run } = this.#ordered;
    const query = { agent, run, after: this.#after, limit: ROWS_MAX };
    const answer = await askPatiently(this.#run, () =>
      this.#client.listOutput({ query, signal: this.#run.stop }),
    );
    if (answer === null) return null;
    const { output } = this.#run;
    for (const row of answer.rows) {
      // Gaps belong to no run: those of before do not concern this one.
      if (row.kind === 'gap') {
        if (row.receivedMs >= createdMs) output.notice(`${row.agent}: ${gapText(row.gap)}`);
      } else if (row.stream === 'stdout') output.written('out', contentOf(row));
      else if (row.stream === 'stderr') output.written('err', contentOf(row));
      else this.#tellOthers(this.#others.take({ ...row, content: contentOf(row) }));
    }
    await output.flushed(this.#run.stop);
    this.#after = answer.next;
    return answer.rows.length;
  }

  #tellOthers(lines: readonly string[]): void {
    for (const line of lines) this.#run.output.notice(line);
  }
}

function tellDropped(run: Run, { agent, droppedBytes, outputBytes }: TaskRun): void {
  if (droppedBytes === 0) return;
  run.output.notice(
    `${agent}: ${formatBytes(droppedBytes)} of the ${formatBytes(outputBytes)} that it wrote were beyond its output-limit and are gone`,
  );
}

function waitEnded(
  { agent, run }: OrderedRun,
  ended: readonly TaskRun[],
  options: FollowRunsOptions,
): CodedError {
  const others =
    options.runs.length > 1 ? `; ${ended.length} of ${options.runs.length} are over` : '';
  return new CodedError(
    'wait-ended',
    `${agent}: run ${run} did not end within ${formatDuration(options.timeoutMs)}${others}`,
    { remedy: `It goes on: \`moult tasks show ${run}\` says how far it is.` },
  );
}

function notDone(
  first: TaskRun,
  { failed, of }: { readonly failed: number; readonly of: number },
): CodedError {
  const others = failed > 1 ? `; ${failed} of ${of} did not succeed` : '';
  return new CodedError('task-not-done', `${runEndText(first)}${others}`, {
    remedy: runRemedyOf(first) ?? `See \`moult tasks show ${first.run}\`.`,
  });
}
