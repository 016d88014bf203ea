/*
 * Loaded into the server under test with `--import`: at each SIGUSR2 it says in one line how late the event loop was
 * since the last one, or the first connection, what CPU the process has used, and its memory before and after the garbage was collected.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

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
}

const NS_PER_MS = 1e6;
const RESET_MS = 50;
/** A channel of Node's own. */
const CONNECTED = 'net.server.socket';

if (isMainThread) {
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
  process.on('SIGUSR2', () => {
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
    };
    process.stderr.write(`gauge ${JSON.stringify(gauge)}\n`);
    // After the collections, which are our own.
    setTimeout(() => delays.reset(), RESET_MS);
  });
}
