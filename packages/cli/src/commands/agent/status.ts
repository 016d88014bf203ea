import type { AgentStatus } from '@moult/agent/status';
import { reportedStateOf } from '@moult/core/agent-state';
import { changesText } from '@moult/core/changed-files';
import { COMPONENTS } from '@moult/core/component';
import { CodedError, toldIn } from '@moult/core/errors';
import { layoutOf } from '@moult/core/layout';
import { troubleIn } from '@moult/core/upgrade';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Run, Shell } from '../../shell.ts';
import { formatBytes, shortDigest } from '../../terminal/format.ts';
import { asked } from './asking.ts';
import { heldText } from './owner.ts';

interface StatusOptions {
  readonly root?: string;
}

type Fields = readonly (readonly [string, string])[];

export function addAgentStatus(group: Command, shell: Shell): void {
  const command = group
    .command('status')
    .description(
      'the agent of this host, read from its disk: whether it serves, what boots, what it is doing',
    )
    .option('--root <dir>', 'the instance lives under this directory (MOULT_ROOT)');
  withExamples(withOutput(command), [
    { does: 'this host', line: 'moult agent status' },
    { does: 'an instance under a directory', line: 'moult agent status --root web-1' },
  ]).action(
    shell.action<StatusOptions>(async (run, options) => {
      const status = await statusOf(run, options);
      run.output.fields(status, () => fieldsOf(status));
      return EXIT.ok;
    }),
  );
}

/** From the disk; for who may not read it, and is of the agent's group, from the agent. */
async function statusOf(run: Run, options: StatusOptions): Promise<AgentStatus> {
  const { readStatus } = await import('@moult/agent/status');
  try {
    return await readStatus(layoutOf(rootOf(options.root, run.invocation)));
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'file-unreadable') throw error;
    return (await asked(run, options, { ask: 'status' })) as AgentStatus;
  }
}

function fieldsOf(status: AgentStatus): Fields {
  return [
    ['agent', nameOf(status)],
    ['state', stateOf(status)],
    ['instance', status.instanceId ?? 'not enrolled'],
    ['coordinator', status.coordinator ?? 'not enrolled'],
    ['serving', status.pid === null ? 'no' : `yes, process ${status.pid}`],
    ...COMPONENTS.flatMap((component) => bootFields(status, component)),
    ...(status.noSession === null ? [] : sessionFields(status.noSession)),
    ...ownerFields(status.owner),
    ...upgradeFields(status.upgrade),
    ['commands', `${status.inboxItems} accepted and not ended`],
    ...taskFields(status),
    ['output', `${status.outboxItems} items to be delivered`],
    ...freeFields(status.free),
    ...status.kept.map(keptField),
    ...(status.trouble === null ? [] : [['trouble', status.trouble] as const]),
  ];
}

/** Nobody but the owner removes it. */
function keptField({ dir, component, version, changes }: AgentStatus['kept'][number]) {
  const what = `${component} ${version}: ${changesText(changes)}`;
  return ['kept aside', `${what}, in ${dir} (remove it when you need it no more)`] as const;
}

/** What the owner of the host allows, and what runs of it now. */
function taskFields({ tasks, runs }: AgentStatus): Fields {
  const { names, trouble } = tasks;
  const running = runs.filter(({ starts }) => starts > 0).map(({ task }) => task);
  return [
    ...(names.length === 0 ? [] : [['tasks', names.join(', ')] as const]),
    ...(running.length === 0 ? [] : [['tasks running', running.join(', ')] as const]),
    ...(trouble === '' ? [] : [['tasks.yaml', trouble] as const, ...nextFields(trouble)]),
  ];
}

/** What an agent writes at its start, with room to spare. */
const START_BYTES = 1024 * 1024;
const START_INODES = 8;

function freeFields(free: AgentStatus['free']): Fields {
  if (free === null) return [];
  const { bytes, inodes } = free;
  const isShort = bytes < START_BYTES || (inodes !== null && inodes < START_INODES);
  const text = `${formatBytes(bytes)}${inodes === null ? '' : `, ${inodes} inodes`}`;
  return [['free', isShort ? `${text}: the disk is full, an agent cannot start` : text]];
}

function ownerFields(say: AgentStatus['owner']): Fields {
  return say.marks.map((mark) => ['held', heldText(say, mark)]);
}

function sessionFields({ code, message }: NonNullable<AgentStatus['noSession']>): Fields {
  const text = `${code}: ${message}`;
  return [['session', text], ...nextFields(text)];
}

function upgradeFields(upgrade: AgentStatus['upgrade']): Fields {
  const trouble = troubleIn(upgrade);
  if (trouble === null) return [['upgrade', upgrade.kind]];
  return [['upgrade', `${upgrade.kind}, tried again later: ${trouble}`], ...nextFields(trouble)];
}

/** What to do about it, right beneath. */
function nextFields(trouble: string): Fields {
  const told = toldIn(trouble);
  return told === null ? [] : [['next', told.remedy]];
}

/** An operator may have renamed it: the host keeps the name that it was enrolled with. */
function nameOf({ name, nameAtCoordinator }: AgentStatus): string {
  if (name === null) return 'not enrolled';
  const isRenamed = nameAtCoordinator !== null && nameAtCoordinator !== name;
  return isRenamed ? `${name} (the coordinator calls it ${nameAtCoordinator})` : name;
}

function stateOf({ upgrade, condition }: AgentStatus): string {
  const state = reportedStateOf(upgrade, condition);
  const { failedUpgrade } = condition;
  if (state !== 'Upgrade Failed' || failedUpgrade === null) return state;
  return `${state}: ${failedUpgrade.version}: ${failedUpgrade.code}`;
}

function bootFields(status: AgentStatus, component: (typeof COMPONENTS)[number]): Fields {
  const record = status.boot?.[component];
  if (record === undefined) return [];
  const { committed, previous, trial, refused } = record;
  const slots = { committed, previous, trial };
  return [
    ...Object.entries(slots).flatMap(([name, slot]) =>
      slot === null ? [] : [[`${component} ${name}`, slotText(slot)] as const],
    ),
    ...refused.map((slot) => [`${component} refused`, slotText(slot)] as const),
  ];
}

function slotText(slot: object): string {
  const version = 'version' in slot ? String(slot.version) : '';
  const digest = 'digest' in slot ? shortDigest(String(slot.digest)) : '';
  return version === '' ? digest : `${version} (${digest})`;
}
