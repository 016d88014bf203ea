/*
 * What agents put out, as lines, bytes or JSON. Rows have positions that only grow: whoever goes on hands on the last
 * one, so that nothing is lost or shown twice, whatever goes away meanwhile.
 */
import type { Client, RequestOf, ResponseOf } from '@moult/api/client';
import { type Command, InvalidArgumentError } from 'commander';
import { durationMs, wholeNumber, withConnection, withExamples, withOutput } from '../describe.ts';
import { EXIT } from '../exit-codes.ts';
import { askPatiently } from '../follow/asking.ts';
import { RowPrinter } from '../follow/row-printer.ts';
import type { Run, Shell } from '../shell.ts';

interface OutputOptions {
  readonly task?: string;
  readonly run?: string;
  readonly stream?: string;
  readonly since?: Since;
  readonly follow?: boolean;
  readonly limit?: number;
  readonly raw?: boolean;
}

type Since = { readonly agoMs: number } | { readonly atMs: number };
type Query = NonNullable<RequestOf<'listOutput'>['query']>;

const LIMIT = 1_000;
/** The coordinator answers so many at once, and no more. */
const NEWEST_MAX = 10_000;
const PAGE = 1_000;
/** One question lasts so long at most where nothing comes. */
const WAIT_MS = 20_000;
/** A coordinator that restarts is back within seconds. */
const ASK_AGAIN_MS = 1_000;

export function addOutput(program: Command, shell: Shell): void {
  const command = program
    .command('output')
    .description('what tasks and programs of an agent put out: the newest, or all since a time')
    .argument('<agent>', 'name of the agent')
    .option('--task <task>', 'only of one task')
    .option('--run <run>', 'only of one run, as `moult tasks runs` shows it')
    .option('--stream <stream>', 'only one stream: stdout, stderr, result, or a name of its own')
    .option(
      '--since <when>',
      'everything since: 90s, 2h, 7d ago, or a time in UTC (the host’s)',
      since,
    )
    .option('-f, --follow', 'go on with what comes, until Ctrl-C')
    .option(
      '--limit <count>',
      `how many records at most: the newest, ${LIMIT} unless given; with --since the first, all unless given`,
      countOfRecords,
    )
    .option('--raw', 'the bytes as they were written, without times and streams');
  withExamples(withOutput(withConnection(command)), [
    { does: 'the newest of one agent', line: 'moult output web-1' },
    { does: 'what a task said last night', line: 'moult output web-1 --task backup --since 12h' },
    { does: 'follow along', line: 'moult output web-1 --follow' },
    {
      does: 'the result of one run as it was written',
      line: 'moult output web-1 --run 01kq3v8m6t5n9y2x/1 --stream result --raw > result.json',
    },
    { does: 'for programs, a record a line', line: 'moult output web-1 --since 1h -o json' },
  ]).action(
    shell.action<OutputOptions, [string]>(async (run, options, [agent]) => {
      const client = await run.connect();
      const printer = new RowPrinter({ output: run.output, isRaw: options.raw === true });
      const { task, stream } = options;
      const of = { agent, task, run: options.run, stream, sinceMs: sinceMs(run, options.since) };
      const next = await printPages(run, client, { of, limit: options.limit, printer });
      if (options.follow === true) await printWhatComes(run, client, { of, after: next, printer });
      printer.rest();
      return EXIT.ok;
    }),
  );
}

interface Pages {
  readonly of: Query;
  readonly limit: number | undefined;
  readonly printer: RowPrinter;
}

/** Gives the position after which there may be more. */
async function printPages(run: Run, client: Client, pages: Pages): Promise<number> {
  return pages.of.sinceMs === undefined
    ? await printNewest(run, client, pages)
    : await printAll(run, client, pages);
}

async function printNewest(
  run: Run,
  client: Client,
  { of, limit = LIMIT, printer }: Pages,
): Promise<number> {
  // Nobody asks for none; the position is wanted all the same.
  const query = { ...of, limit: Math.max(1, limit) };
  const { rows, next } = await client.listOutput({ query, signal: run.stop });
  for (const row of rows.slice(0, limit)) printer.print(row);
  return next;
}

/** Up to what is there now: an agent that never stops writing has no end. */
async function printAll(
  run: Run,
  client: Client,
  { of, limit = Number.POSITIVE_INFINITY, printer }: Pages,
): Promise<number> {
  const { next: last } = await client.listOutput({ query: { ...of, limit: 1 }, signal: run.stop });
  let left = limit;
  let after = 0;
  while (after < last && left > 0 && !run.output.isUnread) {
    const query = { ...of, after, limit: Math.min(PAGE, left) };
    const { rows, next } = await client.listOutput({ query, signal: run.stop });
    for (const row of rows) printer.print(row);
    await run.output.flushed(run.stop);
    left -= rows.length;
    // It only grows; a coordinator that breaks that word is not asked for ever.
    if (next <= after) break;
    after = next;
  }
  return after;
}

/** Ends by Ctrl-C, or when nobody reads any more. */
async function printWhatComes(
  run: Run,
  client: Client,
  of: { readonly of: Query; readonly after: number; readonly printer: RowPrinter },
): Promise<void> {
  let { after } = of;
  let isAway = false;
  while (!run.output.isUnread) {
    const query = { ...of.of, after, limit: PAGE, waitMs: WAIT_MS };
    const answer: ResponseOf<'listOutput'> | null = await askPatiently(run, () =>
      client.listOutput({ query, signal: run.stop }),
    );
    if (answer === null) {
      isAway = true;
      await run.clock.sleep(ASK_AGAIN_MS, run.stop);
      continue;
    }
    if (isAway) run.output.stepDone('the coordinator answers again');
    isAway = false;
    for (const row of answer.rows) of.printer.print(row);
    await run.output.flushed(run.stop);
    // Pieces of lines come one soon after the other.
    if (answer.rows.length === 0) of.printer.rest();
    after = answer.next;
  }
}

function countOfRecords(text: string): number {
  const count = wholeNumber(text);
  if (count <= NEWEST_MAX) return count;
  throw new InvalidArgumentError(
    `${NEWEST_MAX} at most; --since alone gives everything since a time.`,
  );
}

function sinceMs(run: Run, given: Since | undefined): number | undefined {
  if (given === undefined) return undefined;
  return 'atMs' in given ? given.atMs : Math.max(0, run.clock.nowMs() - given.agoMs);
}

const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?Z?$/;

function since(text: string): Since {
  if (TIME.test(text)) {
    const iso = text.replace(' ', 'T').replace(/Z$/, '');
    const atMs = Date.parse(iso.includes('T') ? `${iso}Z` : iso);
    if (!Number.isNaN(atMs)) return { atMs };
  }
  try {
    return { agoMs: durationMs(text) };
  } catch {
    throw new InvalidArgumentError(
      'Give a duration such as 90s, 2h or 7d, or a time such as 2026-11-26 or 2026-11-26T03:00.',
    );
  }
}
