import type { DesiredScope } from '@moult/core/desired';
import type { Clock } from '@moult/runtime/clock';
import type { CommandTable, Store } from '@moult/store';

/** Instances whose commands are issued in one transaction: others must not wait for a whole fleet. */
const ISSUE_PAGE = 100;

/** After a choice: the commands of all whom it concerns, page by page. What a crash leaves out is issued when the host reports or checks. */
export async function issueWantedOf(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  of: { readonly scope: DesiredScope; readonly subject: string },
): Promise<readonly CommandTable[]> {
  const issued: CommandTable[] = [];
  for (let after = ''; ; ) {
    const instanceIds = await store.read('instanceIdPage', { ...of, after, limit: ISSUE_PAGE });
    issued.push(...(await store.write('issueWanted', { instanceIds, nowMs: clock.nowMs() })));
    after = instanceIds.at(-1) ?? '';
    if (instanceIds.length < ISSUE_PAGE) return issued;
  }
}
