/* What the owner of a host may know of its agent, read from the disk: it works while the agent runs or is stopped. */
import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type BootRecord, readBootRecord, readHolder, startTimeOf } from '@moult/core/boot';
import type { Layout } from '@moult/core/layout';
import type { UpgradeState } from '@moult/core/upgrade';
import { readTextIfPresent } from '@moult/runtime/files';
import { readAgentValues } from './config.ts';

export interface AgentStatus {
  readonly coordinator: string | null;
  readonly name: string | null;
  readonly instanceId: string | null;
  /** Process id of the serving agent; null: none serves. */
  readonly pid: number | null;
  /** Null: there is none that can be read. */
  readonly boot: BootRecord['components'] | null;
  readonly upgrade: UpgradeState;
  /** Output that the coordinator has not acknowledged. */
  readonly outboxItems: number;
  /** Accepted commands that have not ended. */
  readonly inboxItems: number;
  readonly sessionCounter: number;
  /** Why agent.db could not be read; null: it could, or there is none yet. */
  readonly trouble: string | null;
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
    ...readState(layout.agentDatabasePath),
  };
}

type StateFacts = Pick<
  AgentStatus,
  'upgrade' | 'outboxItems' | 'inboxItems' | 'sessionCounter' | 'trouble'
>;

const NOTHING: StateFacts = {
  upgrade: { kind: 'idle' },
  outboxItems: 0,
  inboxItems: 0,
  sessionCounter: 0,
  trouble: null,
};

function readState(path: string): StateFacts {
  if (!existsSync(path)) return NOTHING;
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
    try {
      const record = database.prepare('SELECT state FROM upgrade_record').get();
      const count = (text: string) => Number(database.prepare(text).get()?.['n'] ?? 0);
      return {
        upgrade:
          record === undefined
            ? NOTHING.upgrade
            : (JSON.parse(String(record['state'])) as UpgradeState),
        outboxItems: count('SELECT count(*) AS n FROM outbox'),
        inboxItems: count('SELECT count(*) AS n FROM inbox WHERE finish IS NULL'),
        sessionCounter: count('SELECT counter AS n FROM session'),
        trouble: null,
      };
    } finally {
      database.close();
    }
  } catch (error) {
    return { ...NOTHING, trouble: error instanceof Error ? error.message : String(error) };
  }
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
