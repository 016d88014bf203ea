import type { DatabaseSync } from 'node:sqlite';
import type { BootView, UpgradeState } from '@moult/core/upgrade';
import { fateOf, WORK } from '@moult/core/upgrade';

/** The upgrade machine's state: a frozen contract between versions. */
export interface UpgradeRecord {
  load(view: BootView): UpgradeState;
  save(state: UpgradeState): void;
}

export function createUpgradeRecord(database: DatabaseSync): UpgradeRecord {
  const select = database.prepare('SELECT state FROM upgrade_record');
  const upsert = database.prepare(
    'INSERT INTO upgrade_record VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state',
  );
  return {
    load: (view) => {
      const row = select.get();
      if (row === undefined) return { kind: 'idle' };
      return understood(JSON.parse(String(row['state'])) as UpgradeState, view);
    },
    save: (state) => void upsert.run(JSON.stringify(state)),
  };
}

/** U15: a state of a version that knew more kinds: its attempt is over, and the boot record says how it ended. */
function understood(state: UpgradeState, view: BootView): UpgradeState {
  if (Object.hasOwn(WORK, state.kind)) return state;
  const { course, slot } = state as Partial<Extract<UpgradeState, { kind: 'probation' }>>;
  if (course === undefined) return { kind: 'idle' };
  const fate = fateOf(course.order, slot ?? null, view);
  const retry = { failures: 0, notBeforeMs: 0 };
  switch (fate.kind) {
    case 'committed':
      return { kind: 'reporting', course, outcome: { kind: 'succeeded' }, retry };
    case 'refused':
      return {
        kind: 'reporting',
        course,
        outcome: { kind: 'rolled-back', evidence: fate.evidence },
        retry,
      };
    case 'on-trial':
    case 'untried': {
      const message = `another version left the upgrade in a state that this one does not know: ${String(state.kind)}`;
      const outcome = { kind: 'failed', code: 'packages-not-refreshed', message } as const;
      return { kind: 'reporting', course, outcome, retry };
    }
  }
}
