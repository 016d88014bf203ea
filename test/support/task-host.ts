/* A host whose owner allows tasks. */
import { writeFile } from 'node:fs/promises';
import type { Host } from '../../scripts/fleet/host.ts';
import type { RealFleet } from './real-fleet.ts';

/** As tasks.yaml has them, by name. */
export type Tasks = Readonly<Record<string, object>>;

/** One that `sh` carries out: `parameters` are `$1`, `$2` … of the script. */
export function shellTask(
  script: string,
  parameters: Readonly<Record<string, object>> = {},
  more: object = {},
): object {
  const given = Object.keys(parameters).map((name) => `{${name}}`);
  // Braces are of parameters.
  const text = script.replaceAll('{', '{{').replaceAll('}', '}}');
  return { program: '/bin/sh', arguments: ['-c', text, 'sh', ...given], parameters, ...more };
}

/** Started, Up, and its tasks are known. */
export async function taskHost(fleet: RealFleet, name: string, tasks: Tasks): Promise<Host> {
  const host = await fleet.host(name, { starts: false });
  await allowTasks(host, tasks);
  host.start();
  await whenOffered(fleet, host, tasks);
  return host;
}

/** YAML takes JSON. */
export async function allowTasks(host: Host, tasks: Tasks): Promise<void> {
  await writeFile(host.layout.tasksPath, JSON.stringify({ tasks }));
}

export async function whenOffered(fleet: RealFleet, host: Host, tasks: Tasks): Promise<void> {
  const names = Object.keys(tasks).sort().join();
  await host.whenAgent(
    fleet.coordinator,
    `offers ${names}`,
    (agent) => agent.state === 'Up' && agent.tasks?.toSorted().join() === names,
  );
}
