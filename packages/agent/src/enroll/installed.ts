/* What is installed on a host already, read from its disk. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type RecordReading, readBootRecord } from '@moult/core/boot';
import { type Layout, linkPathOf, versionsDirOf } from '@moult/core/layout';
import { MANIFEST_PATH } from '@moult/core/manifest';
import { readTextIfPresent } from '@moult/runtime/files';
import { coordinatorUrl } from '../address.ts';
import { readAgentValues } from '../config/agent-config.ts';
import { readStateFacts } from '../database/state-facts.ts';
import { livingPid } from '../host/living-pid.ts';

export interface Installed {
  /** As agent.yaml says. */
  readonly identity: {
    readonly coordinator: string | null;
    readonly name: string | null;
    readonly instance: string | null;
  };
  readonly hasVersions: boolean;
  readonly boot: RecordReading;
  readonly upgradeKind: string;
  /** Why agent.db could not be read; null: it could, or there is none. */
  readonly databaseTrouble: string | null;
  /** Of the launcher, else of an agent; null: neither runs. */
  readonly runningPid: number | null;
  /** Null: one of the two is not there. */
  readonly isSameCoordinator: boolean | null;
}

/** `coordinator`: who asks for another. Throws `config-invalid`, `coordinator-insecure`, `file-unreadable`. */
export async function readInstalled(
  layout: Layout,
  coordinator: string | null,
): Promise<Installed> {
  const values = await readAgentValues({ layout, environment: () => null });
  // One that nothing can come of is found out before anything is done.
  const asked = coordinator === null ? null : coordinatorUrl(coordinator).origin;
  const boot = readBootRecord(await readTextIfPresent(layout.bootRecordPath));
  const { upgrade, trouble } = readStateFacts(layout.agentDatabasePath);
  return {
    identity: {
      coordinator: values.coordinator,
      name: values.name,
      instance: values.instance,
    },
    hasVersions:
      existsSync(join(layout.firstLauncherDir, MANIFEST_PATH)) &&
      existsSync(bootedPath(layout, boot)),
    boot,
    upgradeKind: upgrade.kind,
    databaseTrouble: trouble,
    runningPid:
      (await livingPid(join(layout.stateDir, 'launcher.json'))) ??
      (await livingPid(layout.holderPath)),
    isSameCoordinator:
      asked === null || values.coordinator === null
        ? null
        : asked === coordinatorUrl(values.coordinator).origin,
  };
}

/** The manifest of the version of the agent that a launcher would boot. */
function bootedPath(layout: Layout, boot: RecordReading): string {
  const committed = boot.kind === 'read' ? boot.record.components.agent.committed : null;
  const slotDir =
    committed === null
      ? linkPathOf(layout, { component: 'agent', name: 'current' })
      : join(versionsDirOf(layout, 'agent'), committed.dir);
  return join(slotDir, MANIFEST_PATH);
}
