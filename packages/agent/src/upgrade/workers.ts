/*
 * The work of each state of the upgrade machine, one function each. All of it may be aborted at any await and begun
 * again after a crash. What it needs of the rest of the agent stands in WorkerOptions, by name.
 */
import { type Evidence, EXIT, type Slot } from '@moult/core/boot';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import {
  attemptIdOf,
  type BootView,
  type Course,
  isMend,
  type UpgradeOrder,
} from '@moult/core/upgrade';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { keepReady } from '../cleanup.ts';
import { noteCommitted } from '../database/committed-since.ts';
import type { AgentStore } from '../database/index.ts';
import type { PipeClient } from '../launcher/pipe-client.ts';
import { ownersConsent } from '../owner/consent.ts';
import type { OwnersWord } from '../owner/owners-word.ts';
import type { DiskFacts, Slots, Trust } from '../ports.ts';
import type { Link } from '../session/link.ts';
import { type Bell, pause } from '../waiting.ts';
import { drain, whenIdle } from './draining.ts';
import { mendFallback } from './fallback.ts';
import { finishOf } from './finish.ts';
import { checkHealth, type Health, type HealthChecks, type Subject } from './health.ts';
import { orderOf, refusalOf } from './order.ts';
import type { PermissionDesk } from './permission-desk.ts';
import { runPreflight } from './preflight.ts';
import { prepareNext, rehearsed } from './rehearsing.ts';
import type { Workers, WorkResult } from './upgrader.ts';

export interface WorkerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: AgentStore;
  readonly trust: Trust;
  readonly slots: Slots;
  readonly disk: DiskFacts;
  readonly desk: PermissionDesk;
  readonly health: Health;
  readonly healthChecks: HealthChecks;
  readonly launcherVersion: string;
  /** Digest of what this process runs. */
  readonly runningDigest: string;
  /** What the boot record says now. */
  readonly view: () => BootView;
  /** Whether the version on trial is what runs: a launcher that could not count a try boots the one before. */
  readonly isRunning: (order: UpgradeOrder, slot: Slot) => boolean;
  /** The launcher has committed this slot durably. */
  readonly onCommitted: (order: UpgradeOrder, slot: Slot) => void;
  /** No version is being removed any more. */
  readonly cleaned: () => Promise<void>;
  readonly owner: OwnersWord;
  /** The host's owner wants no test before an upgrade: what only tests is left out (H3). */
  readonly isPreflightOff: boolean;
  readonly link: Pick<Link, 'send' | 'isLive' | 'sessionNumber' | 'clockAheadMs'>;
  readonly pipe: Pick<PipeClient, 'request' | 'rehearse'>;
  /** A session was welcomed. */
  readonly sessionOpened: Bell;
  /** A command lies in the inbox. */
  readonly ordered: Bell;
  /** Output was acknowledged. */
  readonly acknowledged: Bell;
  /** There is something new to deliver. */
  readonly deliver: () => void;
  /** Resolves when no task runs; in draining none starts. `onBusy`: one does. */
  readonly quiet: (options: {
    readonly signal: AbortSignal;
    readonly onBusy: () => void;
  }) => Promise<void>;
  /** A task runs now. */
  readonly isBusy: () => boolean;
  /** Resolves when no task runs; until then others may start, and none is ended for it (P5). */
  readonly idle: (options: {
    readonly signal: AbortSignal;
    readonly onBusy: () => void;
  }) => Promise<void>;
  /** What the report says of this upgrade has changed, or must be said again. */
  readonly onReport: (report: { readonly isHealthy: boolean; readonly detail: string }) => void;
}

const PROGRESS_MS = 500;
/** A good state is looked at again a few times in the shortest probation, a bad one a little sooner. */
const HEALTH_CHECK_MS = { whenHealthy: 10_000, whenNot: 5_000 } as const;
/** The coordinator is asked for its word again so often: its `confirm` may have been lost. */
const ASK_AGAIN_MS = 30_000;

export function createWorkers(options: WorkerOptions): Workers {
  const { clock } = options;
  return {
    'await-order': (_work, signal) => awaitOrder(options, signal),
    'run-preflight': (work, signal) => testFirst(options, work.course, signal),
    fetch: (work, signal) => fetchRelease(options, work.course.order, signal),
    rehearse: async (work, signal) => {
      const { order } = work.course;
      const rehearsal = await rehearsed(options, work, signal);
      const about = { attemptId: attemptIdOf(order), nowMs: clock.nowMs() };
      if (order.pace === 'fetch-only') {
        const { component } = order;
        const made = { component, dir: work.slot.dir, atMs: about.nowMs };
        keepReady(options.store.meta, made);
      }
      return { kind: 'rehearsal-ended', rehearsal, ...about };
    },
    'ask-to-drain': async (work, signal) => {
      await ownersConsent(options, work.course.order, 'rehearsed', signal);
      await whenIdle(options, work.course.order, signal);
      // Coordinator unreachable: stay staged, go on working.
      while (!options.link.isLive) await options.sessionOpened.next(signal);
      await prepareNext(options, work, signal);
      await whenIdle(options, work.course.order, signal);
      return options.desk.ask({ ...work.course.order, point: 'drain' }, signal);
    },
    drain: (work, signal) => drain(options, work.course.order, signal),
    'hand-over': async (work, signal): Promise<WorkResult> => {
      const { order } = work.course;
      // U21: what is committed is booted by itself, now that its slot is whole again.
      if (isMend(work)) return leaves(options, work.slot);
      const manifest = await options.slots.manifestOf(order.component, work.slot);
      if (manifest === null) {
        throw new CodedError('slot-corrupt', `the slot ${work.slot.dir} has no readable manifest`);
      }
      await options.pipe.request(
        {
          kind: 'try',
          component: order.component,
          slot: work.slot,
          attemptId: attemptIdOf(order),
          probationMs: manifest.probationMs,
        },
        signal,
      );
      return leaves(options, work.slot);
    },
    watch: (work, signal) => watch(options, work, signal),
    commit: async (work, signal) => {
      const { order } = work.course;
      const attemptId = attemptIdOf(order);
      return settledByLauncher(async () => {
        await options.pipe.request(
          { kind: 'commit', component: order.component, attemptId },
          signal,
        );
        if (order.component === 'agent') {
          noteCommitted(options.store.meta, work.slot, clock.nowMs());
        }
        options.onCommitted(order, work.slot);
        return { kind: 'committed', attemptId, nowMs: clock.nowMs() };
      });
    },
    'roll-back': async (work, signal) => {
      const { order } = work.course;
      const evidence: Evidence = { ...NO_EVIDENCE, reason: work.reason, detail: work.detail };
      const attemptId = attemptIdOf(order);
      return settledByLauncher(async () => {
        await options.pipe.request(
          { kind: 'refuse', component: order.component, attemptId, evidence },
          signal,
        );
        return { kind: 'leave', exitCode: EXIT.bootRecorded };
      });
    },
    report: async (work, signal) => {
      const { order } = work.course;
      await withdrawTry(options, work, signal);
      const current = options.view()[order.component].committed;
      options.store.inbox.finish(finishOf(work.course, work.outcome, current));
      options.deliver();
      while (!options.store.inbox.isReported(order)) await options.acknowledged.next(signal);
      return { kind: 'reported', attemptId: attemptIdOf(order), nowMs: clock.nowMs() };
    },
  };
}

/** H14: without a launcher this process starts nothing after itself. */
function leaves({ launcherVersion, log }: WorkerOptions, { version }: Slot): WorkResult {
  if (launcherVersion === '') {
    log.warn('ends to become another version: start it again, for nobody does', { version });
  }
  return { kind: 'leave', exitCode: EXIT.bootRecorded };
}

/**
 * U7: a `try` that was given up may only be late; requests are taken in order, so a refusal behind it takes it back.
 * That there is nothing to take back is the usual answer; a launcher that cannot answer does not hold up the report.
 */
async function withdrawTry(
  options: WorkerOptions,
  work: Parameters<Workers['report']>[0],
  signal: AbortSignal,
): Promise<void> {
  const { course, outcome } = work;
  if (outcome.kind !== 'failed' || !course.steps.some(({ step }) => step === 'switching')) return;
  const { component } = course.order;
  const evidence: Evidence = { ...NO_EVIDENCE, reason: 'not-started', detail: outcome.message };
  const attemptId = attemptIdOf(course.order);
  try {
    await options.pipe.request({ kind: 'refuse', component, attemptId, evidence }, signal);
  } catch (error) {
    signal.throwIfAborted();
    options.log.info('no try was withdrawn', { attemptId, message: String(error) });
  }
}

async function testFirst(
  options: WorkerOptions,
  course: Course,
  signal: AbortSignal,
): Promise<WorkResult> {
  await ownersConsent(options, course.order, 'preflight', signal);
  await options.cleaned();
  const { clockAheadMs } = options.link;
  try {
    return await runPreflight({ ...options, course, view: options.view(), clockAheadMs, signal });
  } catch (error) {
    if (!signal.aborted) tellFailed(options, course.order, error);
    throw error;
  }
}

/** H3: it is tried again; till then this holds it. */
function tellFailed(options: WorkerOptions, order: UpgradeOrder, caught: unknown): void {
  const { code, message, retryable } = codedErrorFrom(caught);
  if (!retryable) return;
  const { commandId, attempt } = order;
  const about = { commandId, attempt, step: 'preflight', detail: `${code}: ${message}` };
  const rest = { bytesDone: 0, bytesTotal: 0, holdReason: 'preflight-failed' };
  options.link.send({ kind: 'progress', message: { ...about, ...rest } });
}

export const NO_EVIDENCE: Evidence = {
  reason: 'own-checks-failed',
  detail: '',
  exitCode: null,
  signal: null,
  logLines: [],
  samples: [],
};

/** The trial ended while this process ran: the launcher knows how, and says it at the next boot (U7). */
async function settledByLauncher(work: () => Promise<WorkResult>): Promise<WorkResult> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CodedError && error.code === 'boot-trial-stale') {
      return { kind: 'leave', exitCode: EXIT.bootRecorded };
    }
    throw error;
  }
}

async function awaitOrder(options: WorkerOptions, signal: AbortSignal): Promise<WorkResult> {
  const { store, clock, ordered } = options;
  for (;;) {
    const command = store.inbox.waiting().find(({ autoUpgrade }) => autoUpgrade);
    if (command === undefined) {
      await ordered.next(signal);
      continue;
    }
    const order = orderOf(command);
    if (order !== null) {
      const from = options.view()[order.component].committed;
      return { kind: 'ordered', order, from, nowMs: clock.nowMs() };
    }
    store.inbox.finish(refusalOf(command));
    options.deliver();
  }
}

async function fetchRelease(
  options: WorkerOptions,
  order: UpgradeOrder,
  signal: AbortSignal,
): Promise<WorkResult> {
  const { clock } = options;
  const { commandId, attempt } = order;
  // Asked anew: what preflight learned may be hours old, and only a fresh answer is a proof.
  const release = await options.trust.release(order, signal);
  const mended = options.isPreflightOff
    ? 0
    : await mendFallback({ ...options, view: options.view(), signal }, release);
  let lastMs = Number.NEGATIVE_INFINITY;
  const staged = await options.slots.stage(release, {
    signal,
    onProgress: ({ bytesDone, bytesTotal }) => {
      if (clock.monotonicMs() - lastMs < PROGRESS_MS) return;
      lastMs = clock.monotonicMs();
      options.link.send({
        kind: 'progress',
        message: {
          commandId,
          attempt,
          step: 'fetching',
          detail: '',
          bytesDone,
          bytesTotal,
          holdReason: '',
        },
      });
    },
  });
  return {
    kind: 'fetched',
    attemptId: attemptIdOf(order),
    slot: staged.slot,
    bytesFetched: staged.bytesFetched + mended,
    bytesTotal: staged.bytesTotal,
    nowMs: clock.nowMs(),
  };
}

/** Checks until the coordinator, or the launcher, decides. */
async function watch(
  options: WorkerOptions,
  work: Parameters<Workers['watch']>[0],
  signal: AbortSignal,
): Promise<WorkResult> {
  const { clock, health } = options;
  if (!options.isRunning(work.course.order, work.slot)) {
    options.log.warn('the version on trial does not run: asking the launcher again', {
      slot: work.slot.dir,
    });
    if (!(await pause(clock, TRY_AGAIN_MS, signal))) signal.throwIfAborted();
    return { kind: 'leave', exitCode: EXIT.bootRecorded };
  }
  const { component } = work.course.order;
  const subject = { ...work.slot, component };
  const manifest = await options.slots.manifestOf(component, work.slot);
  const probationMs = manifest?.probationMs ?? PROBATION_MS_UNKNOWN;
  let askedMs = Number.NEGATIVE_INFINITY;
  let said: 'healthy' | 'well' | 'unwell' | null = null;
  let pausedMs = 0;
  for (;;) {
    const again = health.begin();
    const trouble = await checked(options, subject, { signal, again });
    if (trouble === 'asked-again') continue;
    health.record(trouble, pausedMs);
    const leftMs = probationMs - health.healthyForMs;
    const isHealthy = trouble === null && leftMs <= 0;
    const isAskedAgain = isHealthy && clock.monotonicMs() - askedMs >= ASK_AGAIN_MS;
    const now = isHealthy ? 'healthy' : trouble === null ? 'well' : 'unwell';
    if (now !== said || isAskedAgain) {
      askedMs = clock.monotonicMs();
      said = now;
      options.onReport({ isHealthy, detail: trouble ?? '' });
    }
    const nextMs = trouble === null ? HEALTH_CHECK_MS.whenHealthy : HEALTH_CHECK_MS.whenNot;
    const waitMs = isHealthy || trouble !== null ? nextMs : Math.min(nextMs, Math.max(leftMs, 1));
    pausedMs = (await pause(clock, waitMs, AbortSignal.any([signal, again]))) ? waitMs : 0;
    signal.throwIfAborted();
  }
}

/** As `checkHealth`; `asked-again` when somebody wants to know how it is now, and this check began before. */
async function checked(
  options: WorkerOptions,
  subject: Subject,
  { signal, again }: { readonly signal: AbortSignal; readonly again: AbortSignal },
): Promise<string | null> {
  try {
    const trouble = await checkHealth(
      options.healthChecks,
      subject,
      AbortSignal.any([signal, again]),
    );
    signal.throwIfAborted();
    return trouble;
  } catch (error) {
    if (again.aborted && !signal.aborted) return 'asked-again';
    throw error;
  }
}

/** A launcher that could not write its record needs time, or space, more than it needs haste. */
const TRY_AGAIN_MS = 30_000;
/** A slot whose manifest vanished during its own trial: watch it as long as most releases are. */
const PROBATION_MS_UNKNOWN = 60_000;
