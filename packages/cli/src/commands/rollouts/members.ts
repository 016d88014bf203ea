/* The agents of a rollout, asked page for page. */
import type { Client, ResponseOf } from '@moult/api/client';
import type { MemberState } from '@moult/core/rollout';

export type Member = ResponseOf<'listRolloutAgents'>['agents'][number];

/** Pages are 1,000 long: a rollout to a million ends, a coordinator that repeats itself does too. */
export const PAGES_MAX = 1_000;

interface Wanted {
  readonly rollout: string;
  readonly state?: MemberState;
}

/** In the order of their turns. */
export async function allMembers(
  client: Client,
  { rollout, state }: Wanted,
  signal: AbortSignal,
): Promise<readonly Member[]> {
  const members: Member[] = [];
  let after: number | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const query = { state, after };
    const answer = await client.listRolloutAgents({ params: { rollout }, query, signal });
    members.push(...answer.agents);
    if (answer.next === null) break;
    after = answer.next;
  }
  return members;
}
