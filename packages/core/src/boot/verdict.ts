/*
 * The verdict on a version in probation (architecture, "Verdict"): a broken agent is told from a broken world.
 *
 *             reached and healthy                         not good any more
 *   open ──time used up──────────────► good (waits for `confirm`, no clock) ──► open
 *    ▲ │  reached, own checks fail ──► REFUSE own-checks-failed
 *    │ └─ not reached, or cannot refresh ─► probing-own ─fails─► probing-previous ─fails─► world-broken (clock stands)
 *    │                                        │ reaches             │ reaches          │ world seen: open
 *    │                                        └──────► dialling ◄───┘                  │ hourly, idle: STOP AND PROBE
 *    └──────────────── first failure ─────────────────┘ │ second running                ▼
 *                                                       ▼                     dial-due ─heartbeat─► dialling
 *                                              REFUSE cannot-reach-coordinator | cannot-upgrade-again
 */
import type { RefusalReason } from './evidence.ts';
import { HEARTBEAT_MS } from './pipe.ts';

/** What the agent last said of itself. */
export interface Heartbeat {
  readonly reached: boolean;
  readonly healthy: boolean;
  readonly trouble: string | null;
  readonly idle: boolean;
}

/** `beside`: the previous version probes beside the running new one; `stopped`: with the new one stopped. */
export type ProbeMode = 'beside' | 'stopped';

export type Verdict =
  | {
      readonly kind: 'open';
      readonly leftMs: number;
      readonly strikes: number;
      readonly mode: ProbeMode;
    }
  | { readonly kind: 'good' }
  | { readonly kind: 'probing-own'; readonly strikes: number }
  | { readonly kind: 'probing-previous'; readonly strikes: number }
  | {
      readonly kind: 'dialling';
      readonly strikes: number;
      readonly mode: ProbeMode;
      readonly ticks: number;
    }
  | { readonly kind: 'world-broken'; readonly ticks: number }
  /** Started again after the previous version reached the coordinator: to dial as soon as it speaks. */
  | { readonly kind: 'dial-due'; readonly strikes: number };

export type VerdictEvent =
  | { readonly kind: 'heartbeat'; readonly heartbeat: Heartbeat }
  | { readonly kind: 'ticked'; readonly last: Heartbeat | null }
  | { readonly kind: 'probed'; readonly reached: boolean }
  | { readonly kind: 'dialled'; readonly reached: boolean; readonly last: Heartbeat | null };

export type VerdictWork =
  | { readonly kind: 'none' }
  | { readonly kind: 'probe-own' }
  | { readonly kind: 'probe-previous' }
  | { readonly kind: 'dial' }
  | { readonly kind: 'stop-and-probe'; readonly strikes: number }
  | { readonly kind: 'refuse'; readonly reason: RefusalReason; readonly detail: string };

export interface VerdictStep {
  readonly verdict: Verdict;
  readonly work: VerdictWork;
}

/** Failures in a row of the whole chain before an agent is called broken: one may be an outage between two questions. */
export const STRIKES_MAX = 2;
/** Watching goes on this long after the world came back or the version stopped being good: the default watched time. */
export const WATCHED_AGAIN_MS = 600_000;
/** Between the first failure of the chain and the second: a reconnect with the longest backoff fits in. */
export const STRIKE_GAP_MS = 60_000;
/** Ticks that the agent has to answer `dial` in: 60 s. */
export const DIAL_TICKS = 12;
/** Ticks between two probes with the new process stopped: an hour. */
export const WORLD_PROBE_TICKS = 720;

/** `trouble` begins with this where the version cannot refresh its metadata or find its own release in it. */
export const CANNOT_UPGRADE_AGAIN = 'cannot-upgrade-again';

type Cell<K extends VerdictEvent['kind'], S extends Verdict['kind']> = (
  verdict: Extract<Verdict, { readonly kind: S }>,
  event: Extract<VerdictEvent, { readonly kind: K }>,
) => VerdictStep;

type VerdictTable = {
  readonly [S in Verdict['kind']]: { readonly [K in VerdictEvent['kind']]: Cell<K, S> | 'ignore' };
};

/** A heartbeat that ends every doubt: whatever was being asked does not matter any more. */
const goodOrStay = (verdict: Verdict, event: { readonly heartbeat: Heartbeat }): VerdictStep =>
  isGood(event.heartbeat) ? quiet({ kind: 'good' }) : quiet(verdict);

export const VERDICTS: VerdictTable = {
  open: {
    heartbeat: (verdict, event) =>
      worldSeen(event.heartbeat) && (verdict.strikes > 0 || verdict.mode === 'stopped')
        ? quiet({ ...verdict, strikes: 0, mode: 'beside' })
        : quiet(verdict),
    ticked: (verdict, event) => {
      const leftMs = Math.max(0, verdict.leftMs - HEARTBEAT_MS);
      return leftMs > 0
        ? quiet({ ...verdict, leftMs })
        : judged({ ...verdict, leftMs }, event.last);
    },
    probed: 'ignore',
    dialled: 'ignore',
  },
  good: {
    // B12: healthy without `confirm` is never rolled back by time; when it stops being good, watching begins anew.
    heartbeat: (verdict, event) => (isGood(event.heartbeat) ? quiet(verdict) : quiet(openAgain())),
    ticked: 'ignore',
    probed: 'ignore',
    dialled: 'ignore',
  },
  'probing-own': {
    heartbeat: goodOrStay,
    ticked: 'ignore',
    probed: (verdict, event) =>
      event.reached
        ? { verdict: dialling(verdict.strikes, 'beside'), work: { kind: 'dial' } }
        : { verdict: { ...verdict, kind: 'probing-previous' }, work: { kind: 'probe-previous' } },
    dialled: 'ignore',
  },
  'probing-previous': {
    heartbeat: goodOrStay,
    ticked: 'ignore',
    // B13: neither reaches: the world is broken, the clock stands, the new version stays.
    probed: (verdict, event) =>
      event.reached
        ? { verdict: dialling(verdict.strikes, 'beside'), work: { kind: 'dial' } }
        : quiet({ kind: 'world-broken', ticks: 0 }),
    dialled: 'ignore',
  },
  dialling: {
    heartbeat: goodOrStay,
    ticked: (verdict, event) =>
      verdict.ticks + 1 >= DIAL_TICKS
        ? struck(verdict, event.last)
        : quiet({ ...verdict, ticks: verdict.ticks + 1 }),
    probed: 'ignore',
    dialled: (verdict, event) =>
      event.reached && !cannotUpgrade(event.last)
        ? quiet({ kind: 'open', leftMs: STRIKE_GAP_MS, strikes: 0, mode: 'beside' })
        : struck(verdict, event.last),
  },
  'world-broken': {
    heartbeat: (verdict, event) =>
      worldSeen(event.heartbeat) ? quiet(openAgain()) : quiet(verdict),
    ticked: (verdict, event) => {
      const ticks = verdict.ticks + 1;
      if (ticks < WORLD_PROBE_TICKS || event.last?.idle !== true)
        return quiet({ ...verdict, ticks });
      return { verdict, work: { kind: 'stop-and-probe', strikes: 0 } };
    },
    probed: 'ignore',
    dialled: 'ignore',
  },
  'dial-due': {
    heartbeat: (verdict, event) =>
      isGood(event.heartbeat)
        ? quiet({ kind: 'good' })
        : { verdict: dialling(verdict.strikes, 'stopped'), work: { kind: 'dial' } },
    ticked: 'ignore',
    probed: 'ignore',
    dialled: 'ignore',
  },
};

export function stepVerdict(verdict: Verdict, event: VerdictEvent): VerdictStep {
  // Each cell is typed for its own pair; a lookup by two unions forgets the pairing.
  const cell = VERDICTS[verdict.kind][event.kind] as
    | ((verdict: Verdict, event: VerdictEvent) => VerdictStep)
    | 'ignore';
  return cell === 'ignore' ? quiet(verdict) : cell(verdict, event);
}

export function openVerdict(leftMs: number): Verdict {
  return { kind: 'open', leftMs, strikes: 0, mode: 'beside' };
}

/** Where the trial goes on after the previous version probed with the new process stopped. */
export function verdictAfterStoppedProbe(probe: {
  readonly reached: boolean;
  readonly strikes: number;
}): Verdict {
  return probe.reached
    ? { kind: 'dial-due', strikes: probe.strikes }
    : { kind: 'world-broken', ticks: 0 };
}

function judged(verdict: Extract<Verdict, { kind: 'open' }>, last: Heartbeat | null): VerdictStep {
  // Not a word yet: that is for the hang to end, which needs fewer ticks than any question would.
  if (last === null) return quiet(verdict);
  if (isGood(last)) return quiet({ kind: 'good' });
  if (isUnwell(last)) {
    const detail = `its own checks fail: ${last.trouble ?? 'no reason given'}`;
    return { verdict, work: { kind: 'refuse', reason: 'own-checks-failed', detail } };
  }
  if (verdict.mode === 'stopped') {
    return last.idle
      ? { verdict, work: { kind: 'stop-and-probe', strikes: verdict.strikes } }
      : quiet(verdict);
  }
  return {
    verdict: { kind: 'probing-own', strikes: verdict.strikes },
    work: { kind: 'probe-own' },
  };
}

/** B11: the chain has to fail twice running before the agent, and not the world, is called broken. */
function struck(
  verdict: Extract<Verdict, { kind: 'dialling' }>,
  last: Heartbeat | null,
): VerdictStep {
  const strikes = verdict.strikes + 1;
  if (strikes < STRIKES_MAX)
    return quiet({ kind: 'open', leftMs: STRIKE_GAP_MS, strikes, mode: verdict.mode });
  const work: VerdictWork = cannotUpgrade(last)
    ? {
        kind: 'refuse',
        reason: 'cannot-upgrade-again',
        detail: `it could not upgrade again: ${last?.trouble}`,
      }
    : {
        kind: 'refuse',
        reason: 'cannot-reach-coordinator',
        detail:
          'it did not reach the coordinator when told to, twice running, while the coordinator could be reached',
      };
  return { verdict, work };
}

function isGood(heartbeat: Heartbeat): boolean {
  return heartbeat.reached && heartbeat.healthy;
}

/** The world is there, and own checks fail: nobody else is to blame. */
export function isUnwell(heartbeat: Heartbeat): boolean {
  return worldSeen(heartbeat) && !heartbeat.healthy;
}

function worldSeen(heartbeat: Heartbeat): boolean {
  return heartbeat.reached && !cannotUpgrade(heartbeat);
}

function cannotUpgrade(heartbeat: Heartbeat | null): boolean {
  return (
    heartbeat?.healthy === false && heartbeat.trouble?.startsWith(CANNOT_UPGRADE_AGAIN) === true
  );
}

function dialling(strikes: number, mode: ProbeMode): Verdict {
  return { kind: 'dialling', strikes, mode, ticks: 0 };
}

function openAgain(): Verdict {
  return openVerdict(WATCHED_AGAIN_MS);
}

function quiet(verdict: Verdict): VerdictStep {
  return { verdict, work: { kind: 'none' } };
}
