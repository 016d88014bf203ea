/*
 * One cut: a fresh host, an upgrade under the tracer, SIGKILL when the n-th call of a kind has done its work and before
 * it returns; then the host goes on as its unit would let it, untraced, comes to rest, and upgrades once more.
 *
 *   victim `process`   whoever made the call dies; the others of its host see that and do what they do
 *   victim `both`      launcher, agent and supervisor die at once, and the host is started again
 *
 * The page cache survives, as it survives any kill -9: what a power cut takes from it is the simulation's (docs/testing.md).
 */
import { readFileSync } from 'node:fs';
import type { Component } from '@moult/core/component';
import { GOOD, GOOD_LAUNCHER } from '../../test/support/e2e-releases.ts';
import type { RealFleet } from '../../test/support/real-fleet.ts';
import type { Host } from '../fleet/host.ts';
import { processesOf, signalPid, untilUntraced } from '../fleet/processes.ts';
import type { TracedCall } from '../fleet/trace-line.ts';
import { Tracer } from '../fleet/tracer.ts';
import { until } from '../fleet/until.ts';
import { CALLS_OF, type CutKind, callText, isCutHere } from './cut-kinds.ts';
import { requireAtRest, requireOneEnd, requireTidy } from './host-at-rest.ts';

export const VICTIMS = ['process', 'both'] as const;
export type Victim = (typeof VICTIMS)[number];

export interface Cut {
  readonly kind: CutKind;
  /** From 1. */
  readonly number: number;
  readonly victim: Victim;
  readonly component: Component;
  /** Counts only calls whose text (`rename var/lib/moult/boot.json`) it fits; all of the kind unless given. */
  readonly of?: RegExp;
}

export interface CutResult {
  /** What was called; null: the upgrade came to its end with fewer calls, and nothing was cut. */
  readonly at: string | null;
  /** Calls of the kind that the victim could still make after it: 0 for a cut in the right place. */
  readonly late: number;
  /** Codes of work that failed on the way and was tried again. */
  readonly retried: readonly string[];
}

const [SECOND, THIRD] = GOOD;
const TO: Readonly<Record<Component, string>> = { agent: SECOND, launcher: GOOD_LAUNCHER };
/** The upgrade, a restart or two with backoff, and probation anew. */
const UPGRADE_MS = 90_000;
/** What an agent does when its command has ended, cleaning up, begins at once and takes some tenths of a second. */
const QUIET_MS = 1_500;

/** Calls of one undisturbed upgrade, from the order to idle again. */
export async function countCalls(
  fleet: RealFleet,
  what: {
    readonly kinds: readonly CutKind[];
    readonly component: Component;
  },
): Promise<Readonly<Record<CutKind, number>>> {
  const { kinds, component } = what;
  const host = await fleet.host(`count-${component}`);
  const counts: Record<CutKind, number> = { fsync: 0, rename: 0, open: 0, unlink: 0, exec: 0 };
  let lastMs = performance.now();
  const tracer = await Tracer.attach({
    pids: await pidsOf(host),
    calls: kinds.flatMap((kind) => CALLS_OF[kind]),
    onCall: (call) => {
      for (const kind of kinds) {
        if (!isCutHere(call, kind, host.root)) continue;
        counts[kind] += 1;
        lastMs = performance.now();
      }
      return true;
    },
  });
  const { command } = await fleet.upgrade(host.name, TO[component], component);
  if (command.state !== 'succeeded') throw new Error(`undisturbed: ${JSON.stringify(command)}`);
  await until('the host is quiet', () => performance.now() - lastMs > QUIET_MS, {
    timeoutMs: 20_000,
  });
  await tracer.detach();
  await fleet.leave(host);
  return counts;
}

/** Rejects with what is wrong with the host afterwards. */
export async function runCut(
  fleet: RealFleet,
  cut: Cut,
  options: {
    readonly name: string;
    /** Told all that the host said, at the end. */
    readonly onLog?: ((lines: readonly string[]) => void) | undefined;
  },
): Promise<CutResult> {
  const { component } = cut;
  const version = TO[component];
  const host = await fleet.host(options.name);
  try {
    const tracer = await CutTracer.attach(host, cut);
    const command = await fleet.order(host.name, version, component);
    const isCut = await tracer.cut(async () => {
      const now = await fleet.coordinator.client.getCommand({ params: { id: command.id } });
      return now.command.endedMs !== null;
    });
    if (isCut && cut.victim === 'both') await tracer.killAll();
    await tracer.end();
    if (isCut && cut.victim === 'both') host.start();
    const ended = await fleet.ended(command, UPGRADE_MS);
    if (ended.command.state !== 'succeeded') {
      throw new Error(`the upgrade ended as ${JSON.stringify(ended)}\n${host.tail()}`);
    }
    await requireAtRest(fleet, host, { component, version });
    await requireOneEnd(fleet, ended);
    const again = await fleet.upgrade(host.name, THIRD);
    if (again.command.state !== 'succeeded') {
      throw new Error(`the upgrade after it ended as ${JSON.stringify(again)}\n${host.tail()}`);
    }
    await requireAtRest(fleet, host, { component: 'agent', version: THIRD });
    await requireOneEnd(fleet, again);
    await requireTidy(host);
    return { at: tracer.at, late: tracer.late, retried: retriedIn(host.lines) };
  } finally {
    await fleet.leave(host);
    options.onLog?.(host.lines);
  }
}

function retriedIn(lines: readonly string[]): readonly string[] {
  const failed = lines.filter((line) => line.includes('"msg":"work of the upgrade failed"'));
  return failed.map((line) => /"code":"([^"]*)"/.exec(line)?.[1] ?? line);
}

/** Counts the calls of a host and kills at the wanted one. */
class CutTracer {
  at: string | null = null;
  late = 0;
  readonly #host: Host;
  readonly #cut: Cut;
  #count = 0;
  #victimPid: number | null = null;
  readonly #killed = new Set<number>();
  #tracer: Tracer | null = null;

  private constructor(host: Host, cut: Cut) {
    this.#host = host;
    this.#cut = cut;
  }

  static async attach(host: Host, cut: Cut): Promise<CutTracer> {
    const own = new CutTracer(host, cut);
    own.#tracer = await Tracer.attach({
      pids: await pidsOf(host),
      calls: CALLS_OF[cut.kind],
      holds: true,
      onCall: (call) => own.#take(call),
    });
    return own;
  }

  /** True: cut. False: the upgrade ended, and so did what came after it, without that many calls. */
  async cut(isOver: () => Promise<boolean>): Promise<boolean> {
    let overMs: number | null = null;
    return await until(
      `${this.#host.name} makes ${this.#cut.kind} ${this.#cut.number}`,
      async () => {
        if (this.at !== null) return { isCut: true };
        if (overMs === null && (await isOver())) overMs = performance.now();
        return overMs !== null && performance.now() - overMs > QUIET_MS ? { isCut: false } : null;
      },
      { timeoutMs: UPGRADE_MS, detail: () => `${this.#count} were made\n${this.#host.tail()}` },
    ).then(({ isCut }) => isCut);
  }

  /** Whoever was cut, and all others of the host. */
  async killAll(): Promise<void> {
    for (const pid of await pidsOf(this.#host)) this.#killed.add(pid);
    await this.#host.killAll();
  }

  async end(): Promise<void> {
    await Promise.all([...this.#killed].map(untilUntraced));
    await this.#tracer?.detach();
  }

  #take(call: TracedCall): boolean {
    const { kind, number, victim, of } = this.#cut;
    if (!isCutHere(call, kind, this.#host.root)) return this.at === null;
    if (of?.test(callText(call, this.#host.root)) === false) return this.at === null;
    this.#count += 1;
    if (this.#count < number) return true;
    if (this.#count > number) {
      if (victim === 'both' || processOf(call.thread) === this.#victimPid) this.late += 1;
      return false;
    }
    this.at = callText(call, this.#host.root);
    this.#victimPid = processOf(call.thread);
    // With `both` everybody stays where he is until all are killed.
    signalPid(this.#victimPid, victim === 'both' ? 'SIGSTOP' : 'SIGKILL');
    if (victim !== 'both') this.#killed.add(this.#victimPid);
    return false;
  }
}

async function pidsOf(host: Host): Promise<readonly number[]> {
  return (await processesOf(host.root)).map(({ pid }) => pid);
}

/** The process of a thread; the thread itself where it is gone already. */
function processOf(thread: number): number {
  try {
    return Number(/^Tgid:\t(\d+)$/m.exec(readFileSync(`/proc/${thread}/status`, 'utf8'))?.[1]);
  } catch {
    return thread;
  }
}
