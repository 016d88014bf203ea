import type { DatabaseSync } from 'node:sqlite';
import type { BootView, UpgradeState } from '@moult/core/upgrade';
import { conditionAfter, fateOf, WORK } from '@moult/core/upgrade';
import type { ConditionRow } from './condition-row.ts';
import { transact } from './open.ts';

/** The upgrade machine's state: a frozen contract between versions. */
export interface UpgradeRecord {
  load(view: BootView): UpgradeState;
  /** A4: what an attempt's end leaves behind is kept with the end itself, before it is reported. */
  save(state: UpgradeState): void;
}

export function createUpgradeRecord(
  database: DatabaseSync,
  condition: ConditionRow,
): UpgradeRecord {
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
    save: (state) =>
      transact(database, () => {
        if (state.kind === 'reporting' && !isReporting(select.get())) {
          condition.write(conditionAfter(condition.read(), state));
        }
        upsert.run(JSON.stringify(state));
      }),
  };
}

/** Once for an attempt: it does not report twice, nor another before it. */
function isReporting(row: Record<string, unknown> | undefined): boolean {
  if (row === undefined) return false;
  return (JSON.parse(String(row['state'])) as UpgradeState).kind === 'reporting';
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
