/*
 * Why an agent does not run what it should: of all that is so, the one reason that a person can do something about,
 * what of it concerns this very agent, and the command that frees it as it can be typed (R23).
 *
 *   a command is open   on the wire or on the host: what the host says of it, and where it is Down, that
 *                       queued: what holds it, as it was decided when it was (C1)
 *   none is open        what keeps the queue from ordering one, most basic first
 */
import type { AgentState } from '../agent-state.ts';
import type { Component } from '../component.ts';
import { BACK_BY_HAND, HOLD_REASONS, type HoldReason, type HoldReasonText } from './reasons.ts';
import type { RepairVerdict } from './repair.ts';

/** Times are wall clock, ms. */
export interface WhyFacts {
  readonly agentName: string;
  readonly component: Component;
  readonly platform: string;
  /** What it should run; empty for commands that are no upgrades. */
  readonly version: string;
  readonly isDown: boolean;
  /** Null: it never was. */
  readonly lastSeenMs: number | null;
  readonly state: AgentState;
  readonly about:
    | OpenCommand
    | NothingOpen
    | FailedInRollout
    /** It runs, on trial, what a coordinator that was restored does not have. */
    | { readonly kind: 'release-missing' };
}

export interface OpenCommand {
  readonly kind: 'open';
  readonly id: string;
  /** The host has it, or is being told of it. */
  readonly isInFlight: boolean;
  /** It takes back what was given before: its end leaves the host on that. */
  readonly isWayBack: boolean;
  /** Name of the rollout that ordered it; null: none did. */
  readonly rollout: string | null;
  readonly holdReason: HoldReason | null;
  readonly hostHoldReason: HoldReason | null;
  readonly notBeforeMs: number;
  /** What the owner of the host has said of this hold reason; null: it is none of the owner's. */
  readonly said: string | null;
  /** Which launcher the release demands; null: any, or there is no such release. */
  readonly minimumLauncher: string | null;
  /** What the host said last of this very command; null: nothing. */
  readonly progress: {
    readonly step: string;
    /** Why it does not go on for now; empty: it does. */
    readonly detail: string;
    readonly sinceMs: number | null;
  } | null;
  /** Who has the turn that it waits for; null: nobody that is known. */
  readonly turn: Turn | null;
}

export interface Turn {
  readonly agentName: string;
  readonly commandId: string;
  readonly state: string;
  readonly sinceMs: number;
  readonly isDown: boolean;
  readonly lastSeenMs: number | null;
}

export interface NothingOpen {
  readonly kind: 'nothing-open';
  readonly isQuarantined: boolean;
  readonly isValidated: boolean;
  /** The agent declared that it can upgrade itself; null: no session of it was ever seen. */
  readonly isCapable: boolean | null;
  readonly hasPlatform: boolean;
  readonly isRefusedHere: boolean;
  /** Null: a choice says what it should run, and no last order. */
  readonly repair: RepairVerdict | null;
  /** The rollout that is to bring it there, and what that waits for or came to with this agent; null: none is. */
  readonly rollout: { readonly name: string; readonly reason: HoldReason } | null;
  /** The newest command that was to bring it there; null: there was none. */
  readonly last: {
    readonly state: string;
    readonly outcome: string | null;
    readonly message: string | null;
  } | null;
}

/** Nothing else is wanted of it than what it runs. */
export interface FailedInRollout {
  readonly kind: 'failed-in-rollout';
  readonly rollout: string;
  /** How, in words. */
  readonly failure: string;
}

export interface Explained {
  readonly reason: HoldReason;
  /** Who, since when, until when; null: the reason says it all. */
  readonly detail: string | null;
  /** As it can be typed; null: only time or the world does. */
  readonly freedBy: string | null;
}

/** How commands end that the coordinator itself took back, because another version was chosen. */
export const OUTDATED = 'outdated';

const PROBATION_STEPS: readonly string[] = ['probation', 'committing'];
const STEPS_BEFORE_PERMISSION: readonly string[] = ['preflight', 'fetching', 'staged', 'rehearsed'];

export function explain(facts: WhyFacts): Explained {
  const { about } = facts;
  const found = foundIn(facts, about);
  const { freedBy, freedWhere }: HoldReasonText = HOLD_REASONS[found.reason];
  const id = found.id ?? null;
  const template = found.freedBy ?? (freedWhere === undefined || id !== null ? freedBy : null);
  return {
    reason: found.reason,
    detail: found.detail ?? null,
    freedBy: template === null ? null : filledIn(template, facts, found),
  };
}

function foundIn(facts: WhyFacts, about: WhyFacts['about']): Found {
  if (about.kind === 'release-missing') return { reason: 'release-missing', detail: facts.version };
  if (about.kind === 'failed-in-rollout')
    return { reason: 'failed-in-rollout', detail: `${about.rollout}: ${about.failure}` };
  return about.kind === 'open' ? explainOpen(facts, about) : explainNothing(facts, about);
}

interface Found {
  readonly reason: HoldReason;
  readonly detail?: string;
  /** Of the command that `ID` names. */
  readonly id?: string;
  /** The version that `LAUNCHER` names. */
  readonly launcher?: string;
  /** Where something else frees it than usually does. */
  readonly freedBy?: string;
}

function explainOpen(facts: WhyFacts, open: OpenCommand): Found {
  if (open.isInFlight) return explainInFlight(facts, open);
  const reason = open.holdReason ?? (facts.isDown ? 'agent-down' : 'upgrading');
  if (reason === 'agent-down') return { reason, detail: seenText(facts.lastSeenMs) };
  if (reason === 'retry-backoff')
    return { reason, detail: `next try ${timeText(open.notBeforeMs)}` };
  if (reason === 'launcher-too-old') return wantingLauncher(facts, open.minimumLauncher);
  if (reason === 'awaiting-turn' && open.turn !== null) return waitingFor(open.turn);
  return withDetail(reason, open.said ?? '');
}

function wantingLauncher({ version }: WhyFacts, launcher: string | null): Found {
  const reason = 'launcher-too-old';
  if (launcher === null)
    return { reason, freedBy: 'moult agents upgrade AGENT --component launcher' };
  return { reason, detail: `${version} wants ${launcher} or a newer one`, launcher };
}

function waitingFor(turn: Turn): Found {
  const has = `${turn.agentName} has the turn with command ${turn.commandId}, ${turn.state} since ${timeText(turn.sinceMs)}`;
  if (!turn.isDown) return { reason: 'awaiting-turn', detail: has };
  const detail = `${has}, and is Down, ${seenText(turn.lastSeenMs)}`;
  return { reason: 'awaiting-turn', detail, id: turn.commandId };
}

function explainInFlight(facts: WhyFacts, open: OpenCommand): Found {
  const { progress, id } = open;
  if (facts.isDown && open.hostHoldReason === 'awaiting-start') {
    const detail = `it has ended to become ${facts.version} by command ${id}; ${seenText(facts.lastSeenMs)}`;
    return { reason: 'awaiting-start', detail };
  }
  if (facts.isDown) {
    const seen = seenText(facts.lastSeenMs);
    if (open.isWayBack) {
      const detail = `it goes back to ${facts.version} as soon as it comes; ${seen}`;
      return { reason: 'agent-down', detail, freedBy: BACK_BY_HAND };
    }
    return { reason: 'agent-down', detail: `the host has command ${id}; ${seen}`, id };
  }
  const { hostHoldReason } = open;
  if (progress === null) return { reason: hostHoldReason ?? 'upgrading' };
  const { step, detail, sinceMs } = progress;
  if (hostHoldReason !== null) return withDetail(hostHoldReason, detail);
  // It has asked, and was told why not now.
  if (open.holdReason !== null && STEPS_BEFORE_PERMISSION.includes(step)) {
    const turn = open.holdReason === 'awaiting-turn' ? open.turn : null;
    return turn === null ? { reason: open.holdReason, id } : waitingFor(turn);
  }
  if (PROBATION_STEPS.includes(step)) return withDetail('in-probation', detail);
  // Nothing is asked of a paused agent before it may drain: it will be denied till then.
  if (facts.state === 'Paused' && STEPS_BEFORE_PERMISSION.includes(step))
    return { reason: 'paused' };
  if (detail === '') {
    const since = sinceMs === null ? '' : ` since ${timeText(sinceMs)}`;
    return { reason: 'upgrading', detail: `${step}${since}` };
  }
  if (step === 'preflight') return { reason: 'preflight-failed', detail };
  // Another order would wait behind this one: only an end makes way.
  const freedBy = 'moult commands revoke ID';
  return { reason: 'retry-backoff', detail: `${step}: ${detail}`, id, freedBy };
}

function explainNothing(facts: WhyFacts, about: NothingOpen): Found {
  const { last, repair } = about;
  if (about.isQuarantined) return { reason: 'quarantined' };
  if (!about.isValidated) return { reason: 'unvalidated' };
  if (about.isCapable === false) return { reason: 'manual-upgrade-required' };
  if (!about.hasPlatform) return { reason: 'no-platform' };
  if (about.isRefusedHere || repair === 'refused-here') return { reason: 'refused-here' };
  if (repair === 'repair-exhausted') return { reason: 'repair-exhausted' };
  if (about.rollout !== null) return { reason: about.rollout.reason, detail: about.rollout.name };
  if (last !== null && last.outcome !== OUTDATED && ['skipped', 'revoked'].includes(last.state)) {
    return withDetail('taken-back', last.message ?? '');
  }
  if (facts.isDown) return { reason: 'agent-down', detail: seenText(facts.lastSeenMs) };
  return withDetail('retry-backoff', last?.state === 'failed' ? (last.message ?? '') : '');
}

function withDetail(reason: HoldReason, detail: string): Found {
  return detail === '' ? { reason } : { reason, detail };
}

function seenText(lastSeenMs: number | null): string {
  return lastSeenMs === null ? 'never seen' : `last seen ${timeText(lastSeenMs)}`;
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}

function rolloutIn(about: WhyFacts['about']): string | null {
  if (about.kind === 'open' || about.kind === 'failed-in-rollout') return about.rollout;
  return about.kind === 'nothing-open' ? (about.rollout?.name ?? null) : null;
}

/** Each placeholder in capitals by its name; what upgrades a launcher says so. */
function filledIn(template: string, facts: WhyFacts, found: Found): string {
  const names: Readonly<Record<string, string | null>> = {
    AGENT: facts.agentName,
    VERSION: facts.version,
    PLATFORM: facts.platform,
    ID: found.id ?? null,
    LAUNCHER: found.launcher ?? null,
    ROLLOUT: rolloutIn(facts.about),
  };
  const text = template.replace(/\b[A-Z]{2,}\b/g, (word) => names[word] ?? word);
  const isForAgent = facts.component === 'agent' || text.includes('--component');
  return isForAgent ? text : text.replaceAll(UPGRADE, `$& --component ${facts.component}`);
}

const UPGRADE = /moult agents upgrade [\w.-]+(?: --to [\w.+-]+)?(?: --force)?/g;
