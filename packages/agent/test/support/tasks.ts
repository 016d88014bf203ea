import { writeFileSync } from 'node:fs';
import type { FinishMessage, OutputItem, TaskRunMessage } from '@moult/protocol';
import { moment } from '../../../../test/support/moment.ts';
import { command, finishes } from './driving.ts';
import type { TestHost } from './host.ts';

/** A task whose program is a line of shell, as lines of tasks.yaml below its name. */
export function shell(script: string, ...more: readonly string[]): string {
  const args = JSON.stringify(['-c', script.replaceAll('{', '{{').replaceAll('}', '}}')]);
  return ['program: /bin/sh', `arguments: ${args}`, ...more]
    .map((line) => `    ${line}\n`)
    .join('');
}

/** Writes tasks.yaml; texts below the names as `shell` gives them. */
export function listTasks(host: TestHost, tasks: Readonly<Record<string, string>>): void {
  const entries = Object.entries(tasks).map(([name, text]) => `  ${name}:\n${text}`);
  writeFileSync(host.tasksPath, `tasks:\n${entries.join('')}`);
}

export function runTask(
  host: TestHost,
  name: string,
  more: {
    readonly commandId?: string;
    readonly parameters?: Readonly<Record<string, string>>;
  } = {},
): void {
  const { commandId = name, parameters = {} } = more;
  const given = Object.entries(parameters).map(([name, value]) => ({ name, value }));
  command(host, { commandId, task: { name, parameters: given } });
}

function items(host: TestHost): readonly OutputItem[] {
  return host.coordinator.received.flatMap(({ items }) => items);
}

/** What was said of runs, in order. */
export function said(host: TestHost): readonly TaskRunMessage[] {
  return items(host).flatMap((item) => (item.item === 'taskRun' ? [item.taskRun] : []));
}

/** What a run wrote to a stream. */
export function written(host: TestHost, run: string, stream = 'stdout'): Buffer {
  const pieces = items(host).flatMap((item) =>
    item.item === 'record' && item.record.run === run && item.record.stream === stream
      ? [item.record.content]
      : [],
  );
  return Buffer.concat(pieces);
}

/** A real process brings it about: real time passes, bounded by the test's own limit. */
export async function when(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await moment();
}

/** Both words of its end have come. */
export async function overOf(
  host: TestHost,
  commandId: string,
): Promise<{ readonly run: TaskRunMessage; readonly finish: FinishMessage }> {
  const runs = () => said(host).filter((one) => one.commandId === commandId && one.endedMs > 0);
  const ends = () => finishes(host).filter((one) => one.commandId === commandId);
  await when(() => runs().length > 0 && ends().length > 0);
  const [run] = runs();
  const [finish] = ends();
  if (run === undefined || finish === undefined) throw new Error('unreachable');
  return { run, finish };
}
