/* What hosts say of themselves in lists, as it is stored. */
import type { AgentMark } from '@moult/core/agent-state';
import { NO_CHANGES, type SlotChanges } from '@moult/core/changed-files';
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { InstanceComponentTable, InstanceTable } from '../database.ts';

/** What a host keeps of files that somebody had changed in a slot. */
export interface ReportedKeeping {
  /** Absolute path of the directory, on the host. */
  readonly dir: string;
  readonly component: Component;
  readonly version: string;
  readonly keptMs: number;
  readonly changes: SlotChanges;
}

/** Files of the current version that are not as its manifest says. */
export function changesIn(row: Pick<InstanceComponentTable, 'changed'> | null): SlotChanges {
  return row === null || row.changed === '' ? NO_CHANGES : (JSON.parse(row.changed) as SlotChanges);
}

export function keptIn({ kept }: Pick<InstanceTable, 'kept'>): readonly ReportedKeeping[] {
  return kept === '' ? [] : (JSON.parse(kept) as readonly ReportedKeeping[]);
}

/** As the host says; one that was never seen may have one. */
export function hasNoLauncher({ marks }: Pick<InstanceTable, 'marks'>): boolean {
  const mark: AgentMark = 'no launcher';
  return (JSON.parse(marks) as readonly string[]).includes(mark);
}

/** H14: whoever wants only agents with a launcher means none. */
export function noLauncherSelected(names: readonly string[]): CodedError {
  const who = names.length === 1 ? `${names[0]} has` : `all ${names.length} agents have`;
  return new CodedError('no-launcher-selected', `${who} no launcher`);
}
