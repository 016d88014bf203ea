/* What this host keeps that must not be in its diagnosis. What is looked for first stands first (SECRETS_MAX). */
import type { Secret } from '@moult/core/diagnosis';
import type { Layout } from '@moult/core/layout';
import { parseYaml, settingsIn } from '@moult/runtime/config';
import {
  isSecretValue,
  secretsOfEnvironment,
  secretsOfFile,
  secretsOfKey,
  secretsOfSettings,
} from '@moult/runtime/diagnosis';
import { readTextIfPresent } from '@moult/runtime/files';
import { databaseSecrets } from '../database/diagnosis.ts';

export async function hostSecrets(layout: Layout): Promise<readonly Secret[]> {
  return [
    ...(await secretsOfKey(layout.identityKeyPath)),
    ...(await secretsOfSettings('agent', layout.agentConfigPath)),
    ...(await proxySecrets(layout)),
    ...secretsOfEnvironment(),
    ...(await sessionSecrets(layout)),
    ...(await taskSecrets(layout)),
    ...databaseSecrets(layout.agentDatabasePath),
  ];
}

/** The password of a proxy may have a file of its own. */
async function proxySecrets(layout: Layout): Promise<readonly Secret[]> {
  const settings: Readonly<Record<string, unknown>> = await settingsIn(
    layout.agentConfigPath,
  ).catch(() => ({}));
  const path = settings['proxyPasswordFile'];
  return typeof path === 'string' ? await secretsOfFile(path) : [];
}

/** The ticket stands beside the database once more. */
async function sessionSecrets(layout: Layout): Promise<readonly Secret[]> {
  const text = await readTextIfPresent(`${layout.stateDir}/session.json`).catch(() => null);
  const ticket = /"ticket":"([^"]+)"/.exec(text ?? '')?.[1];
  return ticket === undefined ? [] : [{ kind: 'proof', value: ticket }];
}

/** Keys of a task, and of a parameter, whose values are its owner's. */
const OWNERS_VALUES = ['environment', 'default', 'values', 'pattern'];

/** Also of a list that no agent would take. An argument is a path or a word, mostly; behind `=` it may be anything. */
async function taskSecrets(layout: Layout): Promise<readonly Secret[]> {
  const { tasksPath } = layout;
  const text = await readTextIfPresent(tasksPath).catch(() => null);
  if (text === null) return [];
  const values: string[] = [];
  try {
    collect(parseYaml(text, tasksPath), { into: values, isOwners: false });
  } catch {
    return [];
  }
  return values.filter(isSecretValue).map((value) => ({ kind: 'task-value', value }));
}

function collect(
  value: unknown,
  at: { readonly into: string[]; readonly isOwners: boolean; readonly isArgument?: boolean },
): void {
  if (typeof value === 'string') {
    if (at.isOwners) at.into.push(value);
    const behind = at.isArgument === true ? /=([^{}]+)$/.exec(value)?.[1] : undefined;
    if (behind !== undefined) at.into.push(behind);
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, at);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, field] of Object.entries(value)) {
      const isOwners = at.isOwners || OWNERS_VALUES.includes(name);
      collect(field, { into: at.into, isOwners, isArgument: name === 'arguments' });
    }
  }
}
