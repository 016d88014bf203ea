/*
 * Loaded into the server under test with `--import`: at each SIGUSR2 it says in one line how late the event loop was
 * since the last one, or the first connection, what CPU the process has used, what its threads have written to databases, and its memory before and after the garbage was collected.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

export interface Gauge {
  /** Delays of a timer of 10 ms, which are part of them. */
  readonly loopMs: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  readonly cpuMs: number;
  readonly rssBytesBefore: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Rows that were inserted, changed or deleted since the start, by SQLite's own count; those of indexes are not counted. */
  readonly rowsWritten: number;
}

const NS_PER_MS = 1e6;
const RESET_MS = 50;
/** A channel of Node's own. */
const CONNECTED = 'net.server.socket';

/** Between the main thread and the one that writes. */
const ROWS = new BroadcastChannel('moult-gauge-rows');
ROWS.unref();
type AboutRows = 'here' | 'asked' | { readonly rows: number };

if (isMainThread) gaugeMain();
else countRows();

/** Every connection is found by the first thing that is done with it. */
function countRows(): void {
  const connections = new Set<DatabaseSync>();
  const { exec } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, text: string): void {
    if (connections.size === 0) tell('here');
    connections.add(this);
    exec.call(this, text);
  };
  ROWS.onmessage = ({ data }) => {
    if ((data as AboutRows) !== 'asked') return;
    const open = [...connections].filter((connection) => connection.isOpen);
    const rows = open.map((one) => one.prepare('SELECT total_changes() AS rows').get()?.['rows']);
    tell({ rows: rows.reduce<number>((sum, count) => sum + Number(count), 0) });
  };
  ROWS.unref();
}

function tell(about: AboutRows): void {
  ROWS.postMessage(about);
}

/** Asks the thread that writes, between two of its batches; 0: there is none. */
function rowCounter(): () => Promise<number> {
  let hasWriter = false;
  let answered: (rows: number) => void = () => undefined;
  ROWS.onmessage = ({ data }) => {
    const about = data as AboutRows;
    if (about === 'here') hasWriter = true;
    else if (about !== 'asked') answered(about.rows);
  };
  ROWS.unref();
  return async () => {
    if (!hasWriter) return 0;
    const rows = new Promise<number>((resolve) => {
      answered = resolve;
    });
    tell('asked');
    return await rows;
  };
}

function gaugeMain(): void {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  // What is loaded before anybody can connect delays nobody.
  const atFirstConnection = () => {
    unsubscribe(CONNECTED, atFirstConnection);
    delays.reset();
  };
  subscribe(CONNECTED, atFirstConnection);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const rowsWritten = rowCounter();
  process.on('SIGUSR2', async () => {
    const msAt = (percentile: number) => delays.percentile(percentile) / NS_PER_MS;
    const loopMs = {
      p50: msAt(50),
      p99: msAt(99),
      p999: msAt(99.9),
      max: delays.max / NS_PER_MS,
    };
    const { user, system } = process.cpuUsage();
    const rssBytesBefore = process.memoryUsage.rss();
    collect();
    collect();
    const { rss, heapUsed, external } = process.memoryUsage();
    const gauge: Gauge = {
      loopMs,
      cpuMs: (user + system) / 1_000,
      rssBytesBefore,
      rssBytes: rss,
      heapBytes: heapUsed,
      externalBytes: external,
      rowsWritten: await rowsWritten(),
    };
    process.stderr.write(`gauge ${JSON.stringify(gauge)}\n`);
    // After the collections, which are our own.
    setTimeout(() => delays.reset(), RESET_MS);
  });
}
