/* What the owner of a host may know of its agent, read from the disk: it works while the agent runs or is stopped. */
import { stat, statfs } from 'node:fs/promises';
import { type BootRecord, readBootRecord } from '@moult/core/boot';
import type { Keeping } from '@moult/core/changed-files';
import type { Layout } from '@moult/core/layout';
import { keepingsIn } from '@moult/release/kept-files';
import { systemClock } from '@moult/runtime/clock';
import { readTextIfPresent } from '@moult/runtime/files';
import { silentLogger } from '@moult/runtime/logger';
import { readAgentValues } from './config/agent-config.ts';
import { readStateFacts, type StateFacts } from './database/state-facts.ts';
import { livingPid } from './host/living-pid.ts';
import { createOwnerFiles } from './owner/files.ts';
import { type OwnersSay, OwnersWord } from './owner/owners-word.ts';
import { TaskList, troubleOfSchedule } from './tasks/task-list.ts';
import { createTasksFile } from './tasks/tasks-file.ts';

export interface AgentStatus extends StateFacts {
  readonly coordinator: string | null;
  readonly name: string | null;
  readonly instanceId: string | null;
  /** Process id of the serving agent; null: none serves. */
  readonly pid: number | null;
  /** Null: there is none that can be read. */
  readonly boot: BootRecord['components'] | null;
  readonly owner: OwnersSay;
  /** What the owner's list of tasks says, as it lies there; and why an agent would not use it, or empty. */
  readonly tasks: { readonly names: readonly string[]; readonly trouble: string };
  /** Left where the state lies: without either an agent cannot start. Inodes null: made as they are needed. */
  readonly free: { readonly bytes: number; readonly inodes: number | null } | null;
  /** What had been changed by hand in versions that are gone, oldest first; empty also for who may not look. */
  readonly kept: readonly Keeping[];
}

export async function readStatus(layout: Layout): Promise<AgentStatus> {
  const values = await readAgentValues({ layout });
  const reading = readBootRecord(await readTextIfPresent(layout.bootRecordPath));
  return {
    coordinator: values.coordinator,
    name: values.name,
    instanceId: values.instance,
    pid: await livingPid(layout.holderPath),
    boot: reading.kind === 'read' ? reading.record.components : null,
    owner: await ownerIn(layout),
    tasks: await tasksIn(layout),
    free: await freeIn(layout.stateDir),
    kept: await keepingsIn(layout.keptDir).catch(() => []),
    ...readStateFacts(layout.agentDatabasePath),
  };
}

export async function tasksIn(layout: Layout): Promise<AgentStatus['tasks']> {
  // Whoever asks may be another user than the agent, whose the state is.
  const agentUid = await stat(layout.stateDir).then(
    ({ uid }) => uid,
    () => null,
  );
  const list = new TaskList({
    file: createTasksFile(layout.tasksPath, agentUid),
    timetable: { trouble: troubleOfSchedule },
    clock: systemClock,
    log: silentLogger,
  });
  await list.begin();
  return { names: [...list.tasks.keys()].sort(), trouble: list.trouble };
}

export function ownerIn(layout: Layout): Promise<OwnersSay> {
  const files = createOwnerFiles(layout);
  const onChange = () => undefined;
  return new OwnersWord({ files, clock: systemClock, log: silentLogger, onChange }).look();
}

/** Null: there is no state yet, or it cannot be looked at. */
async function freeIn(dir: string): Promise<AgentStatus['free']> {
  try {
    const free = await statfs(dir);
    return { bytes: free.bavail * free.bsize, inodes: free.files > 0 ? free.ffree : null };
  } catch {
    return null;
  }
}
