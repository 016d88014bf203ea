import type { Layout } from '@moult/core/layout';
import { readDefinitions, type TaskDefinition } from '@moult/core/task';
import { parseYaml } from '@moult/runtime/config';
import { readTextIfPresent } from '@moult/runtime/files';

/** The owner's list of tasks without any value of it. */
export async function taskFacts(layout: Layout): Promise<object> {
  const text = await readTextIfPresent(layout.tasksPath);
  if (text === null)
    return { path: layout.tasksPath, tasks: 'there is no such file: it runs none' };
  const read = readDefinitions(parseYaml(text, layout.tasksPath));
  if (read.kind === 'invalid') return { path: layout.tasksPath, trouble: read.troubles.join('; ') };
  return { path: layout.tasksPath, tasks: [...read.tasks.values()].map(factsOf) };
}

function factsOf(task: TaskDefinition): object {
  const { parameters, environment, arguments: given, description, ...shown } = task;
  return {
    ...shown,
    argumentCount: given.length,
    variableNames: Object.keys(environment),
    parameterKinds: Object.fromEntries(
      Object.entries(parameters).map(([name, { kind }]) => [name, kind]),
    ),
  };
}
