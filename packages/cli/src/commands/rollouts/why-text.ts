/*
 * Why a rollout's agents do not have the version, in few lines: one for each reason, with how many it concerns, a few of
 * their names, and what frees them.
 */
import type { Rollout } from '@moult/api';
import { isFailure } from '@moult/core/rollout';
import { byFrequency, type Some } from '../../terminal/grouped.ts';
import { holdText, knownReason } from '../../terminal/hold-text.ts';
import { agentsText, namesText } from '../../terminal/names.ts';
import { remedyOf } from '../../terminal/remedy.ts';
import type { Member } from './members.ts';
import { stateText, waitText } from './rollout-text.ts';

const NAMES_SHOWN_MAX = 5;
/** As many as are typed into one command. */
const NAMES_FREED_MAX = 3;

interface Reason {
  readonly text: string;
  /** What to do, with the word before it; null: nothing is known, or there is nothing. */
  readonly next: string | null;
}

export function whyLines(
  rollout: Rollout,
  members: readonly Member[],
  nowMs: number,
): readonly string[] {
  const groups = groupsOf(rollout, members);
  const waits = waitText(rollout, nowMs);
  const freed = freedByOf(rollout.waitsFor?.reason ?? null, rollout, []);
  return [
    `${rollout.name}: ${stateText(rollout)}`,
    ...(waits === null ? [] : [`waits for: ${waits}`]),
    ...(freed === null || waits === null ? [] : [`  freed by: ${freed}`]),
    ...stateNext(rollout),
    ...groups.flatMap(({ reason, names }) => [
      `${agentsText(names.length)}: ${reason.text}: ${namesText(names, NAMES_SHOWN_MAX)}`,
      ...(reason.next === null ? [] : [`  ${reason.next}`]),
    ]),
    ...(groups.length === 0 && waits === null ? ['Nobody fails, and nobody waits.'] : []),
  ];
}

/** What a person has to do before anything else helps. */
function stateNext({ state, name }: Rollout): readonly string[] {
  if (state === 'pending') return [`  freed by: moult rollouts start ${name}`];
  if (state === 'paused') return [`  freed by: moult rollouts resume ${name}`];
  if (state !== 'halted') return [];
  return [
    `  freed by: moult rollouts resume ${name} (moult rollouts retry ${name} takes those that failed again)`,
  ];
}

interface Grouped {
  readonly reason: Reason;
  readonly names: readonly string[];
}

/** Failures first, then reasons by how many they concern. */
function groupsOf(rollout: Rollout, members: readonly Member[]): readonly Grouped[] {
  const failed = members.filter(({ state }) => isFailure(state));
  const held = members.filter(({ state, holdReason }) => !isFailure(state) && holdReason !== null);
  const inLine = members.filter(
    ({ state, holdReason }) => state === 'waiting' && holdReason === null,
  );
  return [
    ...grouped(
      failed,
      ({ state, code }) => `${state} ${code}`,
      (list) => failureOf(list, rollout),
    ),
    ...grouped(
      held,
      ({ holdReason }) => holdReason ?? '',
      (list) => holdOf(list, rollout),
    ),
    // Nothing of their own holds them.
    ...grouped(
      inLine,
      () => '',
      () => ({ text: 'waiting for a turn', next: null }),
    ),
  ];
}

function grouped(
  members: readonly Member[],
  keyOf: (member: Member) => string,
  reasonOf: (members: Some<Member>) => Reason,
): readonly Grouped[] {
  return byFrequency(members, keyOf).map((list) => ({
    reason: reasonOf(list),
    names: list.map(({ agent }) => agent),
  }));
}

/** The message of the first stands for all with its code. */
function failureOf(list: Some<Member>, rollout: Rollout): Reason {
  const [first] = list;
  const { state, code, message } = first;
  const why = message === null ? '' : `: ${message}`;
  const remedy = remedyOf(first);
  return {
    text: `${state.replace('-', ' ')}${code === null ? '' : ` (${code})`}${why}`,
    next: remedy === null ? null : `next: ${typable(remedy, rollout, list)}`,
  };
}

function holdOf(list: Some<Member>, rollout: Rollout): Reason {
  const reason = list[0].holdReason ?? '';
  const freedBy = freedByOf(reason, rollout, list);
  return { text: holdText(reason), next: freedBy === null ? null : `freed by: ${freedBy}` };
}

/** Null: only time or the world frees it. */
function freedByOf(
  reason: string | null,
  rollout: Rollout,
  members: readonly Member[],
): string | null {
  const { freedBy = null, freedWhere } = knownReason(reason) ?? {};
  // The rollout's own state says it, once for all.
  if (freedBy === null || reason === 'rollout-paused' || reason === 'rollout-halted') return null;
  const where = freedWhere === undefined ? '' : ` (${freedWhere})`;
  return typable(`${freedBy}${where}`, rollout, members);
}

/** With names in the place of placeholders, where they are few enough for a command. */
function typable(text: string, { name, version }: Rollout, members: readonly Member[]): string {
  const names = members.map(({ agent }) => agent);
  const ids = members.flatMap(({ commandId }) => commandId ?? []);
  const isFew = names.length > 0 && names.length <= NAMES_FREED_MAX;
  return text
    .replaceAll(/\bROLLOUT\b/g, name)
    .replaceAll(/\bVERSION\b/g, version)
    .replaceAll(/\bAGENT\b/g, isFew ? names.join(' ') : 'AGENT')
    .replaceAll(/\bID\b/g, isFew && ids.length === names.length ? ids.join(' ') : 'ID');
}
