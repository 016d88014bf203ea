/* What an agent needs to serve on the real host, tried in the order in which a start comes to it. */
import { CodedError } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import { type Logger, silentLogger } from '@moult/runtime/logger';
import { composeHost, type HostParts } from './compose.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { requireReadable } from './database/readable.ts';
import { requireOwnership } from './host/ownership.ts';
import { reachCoordinator } from './probe.ts';
import type { RehearsalStep } from './rehearsal.ts';
import { TaskList, troubleOfSchedule } from './tasks/task-list.ts';
import { createTasksFile } from './tasks/tasks-file.ts';

export function rehearsalSteps(options: {
  readonly layout: Layout;
  readonly readConfig: () => Promise<AgentConfig>;
  readonly own: { readonly version: string; readonly digest: string };
  readonly log: Logger;
}): readonly RehearsalStep[] {
  const { layout, own, log } = options;
  let host: HostParts | null = null;
  const composed = (): HostParts => {
    if (host === null) throw new Error('the configuration comes first');
    return host;
  };
  const ofHost = { isOfTheWorld: false } as const;
  const ofTheWorld = { isOfTheWorld: true } as const;
  return [
    {
      ...{ name: 'configuration', ...ofHost },
      run: async () => {
        const config = await options.readConfig();
        // A working copy of the metadata of its own: it must not get in the way of whoever serves.
        host = await composeHost({ layout, config, trustDir: `${layout.trustDir}-rehearsal` });
      },
    },
    { ...{ name: 'permissions', ...ofHost }, run: () => requireOwnership(layout) },
    { ...{ name: 'code', ...ofHost }, run: loadTheRest },
    { ...{ name: 'state', ...ofHost }, run: async () => requireReadable(layout.agentDatabasePath) },
    { ...{ name: 'tasks', ...ofHost }, run: () => requireTasks(layout, composed()) },
    {
      ...{ name: 'coordinator', ...ofTheWorld },
      run: async (signal) => {
        const { 'web-socket': webSocket, https } = composed().transports;
        const ports = { ...composed(), transports: [webSocket, https], own, log };
        await reachCoordinator({ ...ports, purpose: 'rehearsal' }, signal);
      },
    },
    { ...{ name: 'metadata', ...ofTheWorld }, run: (signal) => composed().trust.refresh(signal) },
  ];
}

/** What a start leaves for later. */
async function loadTheRest(): Promise<void> {
  await Promise.all([
    import('./agent.ts'),
    import('./launcher/without-launcher.ts'),
    import('@moult/runtime/cron'),
    import('@moult/release/slot'),
    import('@moult/release/trust-client'),
  ]);
}

/** A list that this version would not use stands as it was read last, until the process ends: after that there is none. */
async function requireTasks(layout: Layout, { clock }: HostParts): Promise<void> {
  const list = new TaskList({
    file: createTasksFile(layout.tasksPath, process.geteuid?.() ?? null),
    timetable: { trouble: troubleOfSchedule },
    clock,
    log: silentLogger,
  });
  await list.begin();
  if (list.trouble !== '') throw new CodedError('tasks-file-invalid', list.trouble);
}
