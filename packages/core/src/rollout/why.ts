/*
 * Why agents of a rollout do not have the version yet (R23): of each one reason, those with the same reason together, with
 * what frees them as it can be typed. What keeps the rollout as a whole comes first.
 *
 *   failed     how it ended, by its kind and code; also of those that go back for it, from the failure on
 *   held       waiting, parked, under way or on the way back: what the queue, the host, its wave or the rollout says; also
 *              those that went back with the others and had not failed
 *   over       it has the version, or a person has left it out: there is nothing to free
 */
import {
  BACK_BY_HAND,
  HOLD_REASONS,
  type HoldReason,
  type HoldReasonText,
  isHoldReason,
} from '../command/reasons.ts';
import type { Component } from '../component.ts';
import { toldIn } from '../errors/told.ts';
import type { Version } from '../versions.ts';
import type { FailureKind } from './failures.ts';
import { isActive, type MemberState, type RolloutState } from './machine.ts';

const KIND_OF: Readonly<Record<MemberState, 'failed' | 'held' | 'over'>> = {
  waiting: 'held',
  upgrading: 'held',
  'to-roll-back': 'held',
  'rolling-back': 'held',
  parked: 'held',
  failed: 'failed',
  'rolled-back': 'failed',
  done: 'over',
  skipped: 'over',
  stopped: 'over',
};

/** Of whom `whyOf` wants to hear. */
export const UNFINISHED: readonly MemberState[] = (Object.keys(KIND_OF) as MemberState[]).filter(
  (state) => KIND_OF[state] !== 'over',
);

/** Of those that are named, so many are. */
export const NAMED_MAX = 5;
/** As many as are typed into one command. */
const TYPED_MAX = 3;

export interface RolloutFacts {
  readonly name: string;
  readonly component: Component;
  readonly version: Version;
  readonly state: RolloutState;
  readonly stateWhy: string;
  /** Why nobody starts; null: it goes on, or has nothing to go on with. */
  readonly waitsFor: { readonly reason: string; readonly untilMs: number | null } | null;
  /** The wave that is at work or comes next, 0: the first; null: none. */
  readonly wave: number | null;
}

/** Agents of a rollout that are alike: in state, wave, reason and code. */
export interface MembersAlike {
  readonly state: MemberState;
  readonly wave: number;
  /** Of its command, or why it is parked; null: nothing is said. */
  readonly holdReason: string | null;
  readonly code: string | null;
  /** The kind of its failure; null: it has not failed. */
  readonly failure: string | null;
  readonly count: number;
  /** The first of them, `NAMED_MAX` at most, in the order of their turns. */
  readonly some: readonly SomeMember[];
}

export interface SomeMember {
  readonly agent: string;
  readonly platform: string;
  readonly commandId: string | null;
  readonly message: string | null;
}

export interface RolloutReason {
  readonly about: 'rollout' | 'failed' | 'held';
  /** A hold reason, or the code of a failure; null: it ended without one. */
  readonly reason: string | null;
  /** One sentence. */
  readonly text: string;
  readonly untilMs: number | null;
  /** As it can be typed; null: only time or the world does. */
  readonly freedBy: string | null;
  /** How many it concerns. */
  readonly agents: number;
  /** The first of them. */
  readonly names: readonly string[];
}

/** The rollout itself, then failures, then what holds the others; the most frequent first. */
export function whyOf(
  rollout: RolloutFacts,
  members: readonly MembersAlike[],
): readonly RolloutReason[] {
  const failed = members.filter(hasFailed);
  const held = members.filter(({ state }) => KIND_OF[state] === 'held');
  const wentBack = members.filter(
    (alike) => KIND_OF[alike.state] === 'failed' && !hasFailed(alike),
  );
  const keyOf = (alike: MembersAlike) => memberReasonOf(rollout, alike) ?? 'upgrading';
  return [
    ...ofRollout(rollout),
    ...together(failed, (alike) => `${failureWord(alike)} ${alike.code}`).map((all) =>
      failureReason(rollout, all),
    ),
    ...together(held, (alike) => `${isGoingBack(alike)} ${keyOf(alike)}`).map((all) =>
      holdReason(rollout, keyOf(all), all),
    ),
    ...together(wentBack, () => '').map(wentBackReason),
  ];
}

function isGoingBack({ state }: Pick<MembersAlike, 'state'>): boolean {
  return state === 'to-roll-back' || state === 'rolling-back';
}

/** Of `--roll-back all` also those go back that are well: they have neither kind nor code. */
function hasFailed(alike: MembersAlike): boolean {
  const { state, failure, code } = alike;
  if (isGoingBack(alike)) return failure !== null;
  if (state === 'rolled-back') return failure !== null || code !== null;
  return KIND_OF[state] === 'failed';
}

/** `failed, fetch`, `rolled back`, `failed, after commit, and goes back`. */
function failureWord(alike: Pick<MembersAlike, 'state' | 'failure'>): string {
  const { state, failure } = alike;
  const word = isGoingBack(alike) ? 'failed' : state.replaceAll('-', ' ');
  // That a version was rolled back says how it failed.
  const isSaid = failure === null || (state === 'rolled-back' && failure === 'trial');
  const kind = isSaid ? '' : `, ${failure.replaceAll('-', ' ')}`;
  return `${word}${kind}${isGoingBack(alike) ? ', and goes back' : ''}`;
}

function wentBackReason(all: MembersAlike): RolloutReason {
  return {
    about: 'held',
    reason: null,
    text: 'went back with the others, and had not failed',
    untilMs: null,
    freedBy: null,
    ...concerned(all),
  };
}

/** What one agent waits for: a hold reason, or what a newer host says; null: it is under way, or over. */
export function memberReasonOf(
  rollout: RolloutFacts,
  { state, wave, holdReason: said }: Pick<MembersAlike, 'state' | 'wave' | 'holdReason'>,
): string | null {
  if (KIND_OF[state] !== 'held') return null;
  switch (state) {
    case 'waiting':
      return waitingReason(rollout, wave);
    case 'parked':
      return said ?? 'agent-down';
    case 'to-roll-back':
      return said ?? reasonOfAll(rollout) ?? 'awaiting-turn';
    default:
      return said;
  }
}

/** They keep the whole rollout, and each of its agents with it. */
const OF_ALL: readonly string[] = [
  'coordinator-restored',
  'coordinator-upgrading',
] satisfies readonly HoldReason[];

function reasonOfAll({ waitsFor }: RolloutFacts): string | null {
  const reason = waitsFor?.reason ?? null;
  return reason !== null && OF_ALL.includes(reason) ? reason : null;
}

/** Of one that has no command yet: what keeps its rollout, its wave or its group. */
function waitingReason(rollout: RolloutFacts, wave: number): string | null {
  const { state, waitsFor } = rollout;
  if (state === 'pending' && waitsFor !== null) return waitsFor.reason;
  if (state !== 'running') return STATE_REASONS[state];
  const ofAll = reasonOfAll(rollout);
  if (ofAll !== null) return ofAll;
  if (rollout.wave !== null && wave > rollout.wave) return 'awaiting-gate';
  const reason = waitsFor?.reason ?? null;
  // Others upgrade: it waits for them, not for an upgrade of its own.
  return reason === null || reason === 'upgrading' ? 'awaiting-turn' : reason;
}

/** Null: its state keeps nobody. */
const STATE_REASONS: Readonly<Record<RolloutState, HoldReason | null>> = {
  draft: 'rollout-draft',
  planning: 'rollout-draft',
  pending: 'rollout-pending',
  running: null,
  paused: 'rollout-paused',
  halted: 'rollout-halted',
  ended: null,
  cancelled: null,
};

/** What to do about a halted one, where somebody has read why. */
const HALTED_FREED_BY =
  'moult rollouts resume ROLLOUT (before it, moult rollouts retry ROLLOUT takes those that failed again; moult rollouts cancel ROLLOUT ends it)';

/** Of several what is said of one elsewhere. */
const TEXTS_OF_ALL: Readonly<Partial<Record<HoldReason, string>>> = {
  upgrading: 'agents are upgrading',
  'agent-down': 'all that are left are away',
};

function ofRollout(rollout: RolloutFacts): readonly RolloutReason[] {
  const { state, stateWhy, waitsFor } = rollout;
  // A pending one waits for a person to start it, unless it says what else.
  const saysMore = isActive(state) || state === 'pending';
  const ofState = state === 'pending' && waitsFor !== null ? null : STATE_REASONS[state];
  const reason = ofState ?? (saysMore ? (waitsFor?.reason ?? null) : null);
  if (reason === null) return [];
  const { text = reason, freedBy = null } = knownReason(reason) ?? {};
  const said = (isHoldReason(reason) ? TEXTS_OF_ALL[reason] : undefined) ?? text;
  const template = reason === 'rollout-halted' ? HALTED_FREED_BY : freedBy;
  return [
    {
      about: 'rollout',
      reason,
      text: ofState === null || stateWhy === '' ? said : `${said}: ${stateWhy}`,
      untilMs: ofState === null ? (waitsFor?.untilMs ?? null) : null,
      // What frees one agent is said of that one.
      freedBy: template === null || OF_ONE.test(template) ? null : typed(template, rollout, NOBODY),
      agents: 0,
      names: [],
    },
  ];
}

const OF_ONE = /\b(?:AGENT|ID|PLATFORM)\b/;
const NOBODY: Alike = { count: 0, some: [] };

type Alike = Pick<MembersAlike, 'count' | 'some'>;

/** `rolled back (crashed): it ended`. */
export function failureText(
  of: Pick<MembersAlike, 'state' | 'failure' | 'code'> & Pick<SomeMember, 'message'>,
): string {
  const { code, message } = of;
  const named = code === null ? '' : ` (${code})`;
  return `${failureWord(of)}${named}${message === null ? '' : `: ${message}`}`;
}

function failureReason(rollout: RolloutFacts, all: MembersAlike): RolloutReason {
  const { code, some } = all;
  const message = some[0]?.message ?? null;
  const told = toldIn(`${code}: ${message}`)?.remedy;
  return {
    about: 'failed',
    reason: code,
    text: failureText({ ...all, message }),
    untilMs: null,
    // What is to be done of those that go back is said where they are held.
    freedBy: isGoingBack(all) ? null : typed(told ?? againText(rollout, all), rollout, all),
    ...concerned(all),
  };
}

/** What has run, or was to, and was not kept: the release is bad until a person says otherwise. */
const OF_RELEASE: readonly (string | null)[] = [
  'rehearsal',
  'trial',
  'after-commit',
] satisfies readonly FailureKind[];

/** Of a rollout that is over nobody is taken again. */
function againText(rollout: RolloutFacts, { state, failure }: MembersAlike): string {
  if (isActive(rollout.state)) return 'moult rollouts retry ROLLOUT';
  return state === 'rolled-back' || OF_RELEASE.includes(failure)
    ? HOLD_REASONS['refused-here'].freedBy
    : 'moult agents upgrade AGENT --to VERSION';
}

/** They wait for the wave before, which the rollout's own reason tells of. */
const OF_WAVES: readonly string[] = [
  'awaiting-gate',
  'awaiting-soak',
  'awaiting-approval',
] satisfies readonly HoldReason[];

function holdReason(rollout: RolloutFacts, reason: string, all: MembersAlike): RolloutReason {
  const text = knownReason(reason)?.text ?? reason;
  return {
    about: 'held',
    reason,
    text: isGoingBack(all) ? `${onTheWayBack(reason)}: ${text}` : text,
    untilMs: null,
    freedBy: heldFreedBy(rollout, reason, all),
    ...concerned(all),
  };
}

function onTheWayBack(reason: string): string {
  return reason === 'agent-down' ? 'on the way back as soon as it comes' : 'on the way back';
}

const ENDS_WAY_BACK = /moult (?:commands revoke|agents upgrade)\b/;

function heldFreedBy(rollout: RolloutFacts, reason: string, all: MembersAlike): string | null {
  const { freedBy = null, freedWhere } = knownReason(reason) ?? {};
  if (freedBy === null) return null;
  if (reason === 'rollout-halted') return typed('moult rollouts resume ROLLOUT', rollout, all);
  if (OF_WAVES.includes(reason))
    return rollout.waitsFor?.reason === reason ? typed(freedBy, rollout, all) : null;
  // Their commands are the way back, and another order ends them: they would stay on what they are not to keep.
  if (isGoingBack(all) && ENDS_WAY_BACK.test(freedBy))
    return reason === 'agent-down' ? BACK_BY_HAND : null;
  const isUnderWay = all.state === 'upgrading';
  // Another order would be refused, or wait behind this one: only an end makes way.
  const command =
    isUnderWay && freedBy.includes('moult agents upgrade') ? 'moult commands revoke ID' : freedBy;
  const hasIds = all.some.some(({ commandId }) => commandId !== null);
  if (/\bID\b/.test(command) && (!hasIds || reason === 'awaiting-turn')) return null;
  return typed(freedWhere === undefined ? command : `${command} (${freedWhere})`, rollout, all);
}

function knownReason(reason: string | null): HoldReasonText | null {
  return isHoldReason(reason) ? HOLD_REASONS[reason] : null;
}

function concerned({ count, some }: Alike): Pick<RolloutReason, 'agents' | 'names'> {
  return { agents: count, names: some.slice(0, NAMED_MAX).map(({ agent }) => agent) };
}

/** They take one agent, and not several. */
const FOR_ONE = /^moult (?:agents (?:show|release-quarantine)|history)\b/;

/** Each placeholder by its name, of as many agents as are typed into one command. */
function typed(template: string, { name, version, component }: RolloutFacts, of: Alike): string {
  const isForOne = FOR_ONE.test(template);
  const some = of.some.slice(0, isForOne ? 1 : TYPED_MAX);
  const names: Readonly<Record<string, string>> = {
    ROLLOUT: name,
    VERSION: version,
    AGENT: some.map(({ agent }) => agent).join(' '),
    PLATFORM: [...new Set(some.map(({ platform }) => platform))].join(' '),
    ID: some.flatMap(({ commandId }) => commandId ?? []).join(' '),
  };
  const text = template
    // Which one is not known here: the newest that was chosen.
    .replace(' --to LAUNCHER', '')
    .replaceAll(/\b[A-Z]{2,}\b/g, (word) => names[word] || word);
  const isOther = component !== 'agent' && !text.includes('--component');
  const whole = text.replaceAll(
    /moult agents upgrade (?=\S)/g,
    isOther ? `moult agents upgrade --component ${component} ` : '$&',
  );
  const left = /\b(?:AGENT|ID)\b/.test(template) ? of.count - some.length : 0;
  return left > 0 ? `${whole} (and so for ${left} more)` : whole;
}

/** Those with the same key as one, the most frequent key first. */
function together(
  members: readonly MembersAlike[],
  keyOf: (alike: MembersAlike) => string,
): readonly MembersAlike[] {
  const all = new Map<string, MembersAlike>();
  for (const alike of members) {
    const before = all.get(keyOf(alike));
    all.set(
      keyOf(alike),
      before === undefined
        ? alike
        : {
            ...before,
            count: before.count + alike.count,
            some: [...before.some, ...alike.some].slice(0, NAMED_MAX),
          },
    );
  }
  return [...all.values()].sort((a, b) => b.count - a.count);
}
