/*
 * The rows of a report: each command that a rollout has given, under its agent in the order of turns, and agents that were
 * given none. The last command of an agent shows where the agent stands, those before it how they ended.
 */
import type { Client, ResponseOf } from '@moult/api/client';
import { groupedBy } from '../../terminal/grouped.ts';
import { memberText } from './member-text.ts';
import { type Member, PAGES_MAX } from './members.ts';

export type Given = ResponseOf<'listRolloutCommands'>['commands'][number];

export interface ReportRow {
  readonly member: Member;
  /** 1: the first; 0: it was given none. */
  readonly nth: number;
  readonly given: Given | null;
  /** What it ran then; null: nobody knows. */
  readonly from: string | null;
  readonly state: string;
  /** In words, with the reason. */
  readonly text: string;
  /** In which way; null: it has not failed, or it was not the last time. */
  readonly failure: string | null;
  readonly holdReason: string | null;
  readonly code: string | null;
  readonly message: string | null;
}

/** Oldest first. */
export async function allGiven(
  client: Client,
  { rollout, agent }: { readonly rollout: string; readonly agent?: string },
  signal: AbortSignal,
): Promise<readonly Given[]> {
  const given: Given[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const query = { agent, after };
    const answer = await client.listRolloutCommands({ params: { rollout }, query, signal });
    given.push(...answer.commands);
    if (answer.next === null) break;
    after = answer.next;
  }
  return given;
}

/** Of a rollout to `version`. */
export function reportRows(
  members: readonly Member[],
  given: readonly Given[],
  version: string,
): readonly ReportRow[] {
  const byPlace = new Map(
    groupedBy(given, ({ place }) => String(place)).map((list) => [list[0].place, list]),
  );
  return members.flatMap((member) => {
    const list = byPlace.get(member.place) ?? [];
    // It waits again, or was never given one: where it stands is a row of its own.
    const isOnlyNow = list.at(-1)?.commandId !== member.commandId || list.length === 0;
    const standing = isOnlyNow || member.state === 'waiting';
    return [
      ...list.map((one, index) => ({
        ...(!standing && index === list.length - 1
          ? rowOfMember(member, one, index + 1)
          : rowOfGiven(member, one, index + 1)),
        // Of a way back that has not begun nobody has said yet what the host runs.
        from: one.from ?? (one.to === version ? member.from : null),
      })),
      ...(standing ? [{ ...rowOfMember(member, null, 0), from: member.from }] : []),
    ];
  });
}

function rowOfMember(member: Member, given: Given | null, nth: number): Omit<ReportRow, 'from'> {
  const { state, failure, holdReason, code, message } = member;
  return {
    member,
    nth,
    given,
    state,
    text: memberText(member),
    failure,
    holdReason,
    code,
    message,
  };
}

function rowOfGiven(member: Member, given: Given, nth: number): Omit<ReportRow, 'from'> {
  const { code, message } = given;
  const state = given.outcome ?? given.state;
  const text = memberText({ state, step: null, holdReason: null, code, message, failure: null });
  return { member, nth, given, state, text, failure: null, holdReason: null, code, message };
}
