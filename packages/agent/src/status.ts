/* What the owner of a host may know of its agent, read from the disk: it works while the agent runs or is stopped. */
import { readFileSync } from 'node:fs';
import { type BootRecord, readBootRecord, readHolder, startTimeOf } from '@moult/core/boot';
import type { Layout } from '@moult/core/layout';
import { readTextIfPresent } from '@moult/runtime/files';
import { readAgentValues } from './config/agent-config.ts';
import { readStateFacts, type StateFacts } from './database/state-facts.ts';

export interface AgentStatus extends StateFacts {
  readonly coordinator: string | null;
  readonly name: string | null;
  readonly instanceId: string | null;
  /** Process id of the serving agent; null: none serves. */
  readonly pid: number | null;
  /** Null: there is none that can be read. */
  readonly boot: BootRecord['components'] | null;
}

export async function readStatus(layout: Layout): Promise<AgentStatus> {
  const values = await readAgentValues({ layout });
  const reading = readBootRecord(await readTextIfPresent(layout.bootRecordPath));
  return {
    coordinator: values.coordinator,
    name: values.name,
    instanceId: values.instance,
    pid: await servingPid(layout),
    boot: reading.kind === 'read' ? reading.record.components : null,
    ...readStateFacts(layout.agentDatabasePath),
  };
}

async function servingPid(layout: Layout): Promise<number | null> {
  const holder = readHolder(await readTextIfPresent(layout.holderPath));
  if (holder === null) return null;
  try {
    const stat = readFileSync(`/proc/${holder.pid}/stat`, 'utf8');
    return startTimeOf(stat) === holder.startTime ? holder.pid : null;
  } catch {
    return null;
  }
}
