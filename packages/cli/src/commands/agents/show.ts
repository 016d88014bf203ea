import type { Agent } from '@moult/api';
import type { AgentMark } from '@moult/core/agent-state';
import { changesText } from '@moult/core/changed-files';
import { CATALOGUE, toldIn } from '@moult/core/errors';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { ABSENT, formatAgo, formatBytes, formatTime, shortDigest } from '../../terminal/format.ts';
import { labelsText, stateText } from './agent-text.ts';

type Fields = readonly (readonly [string, string])[];

export function addAgentsShow(group: Command, shell: Shell): void {
  const command = group
    .command('show')
    .description(
      'one agent: versions, upgrade in progress, what it refused, its tasks, facts of its host',
    )
    .argument('<agent>', 'name of the agent');
  withExamples(withOutput(withConnection(command)), [
    { does: 'all about one agent', line: 'moult agents show web-1' },
  ]).action(
    shell.action<object, [string]>(async (run, _options, [name]) => {
      const client = await run.connect();
      const agent = await client.getAgent({ params: { name }, signal: run.stop });
      run.output.fields(agent, () => fieldsOf(agent, run.clock.nowMs()));
      return EXIT.ok;
    }),
  );
}

function fieldsOf(agent: Agent, nowMs: number): Fields {
  return [
    ['agent', agent.name],
    ['instance', agent.instanceId],
    ['group', agent.group],
    ...labelFields(agent),
    ['state', stateText(agent)],
    ...tooOldFields(agent),
    ['platform', agent.platform || ABSENT],
    ['last seen', formatAgo({ atMs: agent.lastSeenMs, nowMs })],
    ['enrolled', formatTime(agent.enrolledMs)],
    ['validated by', agent.validatedBy ?? 'nobody yet'],
    ...agent.components.flatMap(componentFields),
    ...agent.kept.map(keptField),
    ...upgradeFields(agent),
    ...configurationFields(agent),
    ...taskFields(agent),
    ...Object.entries(agent.facts).map(
      ([name, value]) => [name.replace(/[^\w .-]/g, ''), value] as const,
    ),
  ];
}

function componentFields(status: Agent['components'][number]): Fields {
  const { component, current, previous, desired, refused, changed } = status;
  return [
    [`${component} current`, current === null ? 'none reported' : slotText(current)],
    ...(previous === null ? [] : [[`${component} previous`, slotText(previous)] as const]),
    ...(desired === null
      ? []
      : [[`${component} desired`, `${desired.version} (from ${desired.from})`] as const]),
    ...refused.map((slot) => [`${component} refused`, slotText(slot)] as const),
    ...(changed.count === 0
      ? []
      : [[`${component} changed by hand`, changesText(changed)] as const]),
  ];
}

/** It lies on the host. */
function keptField({ dir, component, version, changed }: Agent['kept'][number]) {
  return ['kept aside', `${component} ${version}: ${changesText(changed)}, in ${dir}`] as const;
}

/** Where they come from is said of those of the host: they are changed there. */
function labelFields({ labels, hostLabels }: Agent): Fields {
  const own = Object.entries(labels).filter(([name, value]) => hostLabels[name] === value);
  const given = Object.entries(labels).filter(([name, value]) => hostLabels[name] !== value);
  return [
    ...(given.length === 0 ? [] : [['labels', labelsText(Object.fromEntries(given))] as const]),
    ...(own.length === 0
      ? []
      : [['labels of the host', labelsText(Object.fromEntries(own))] as const]),
  ];
}

function tooOldFields({ marks }: Agent): Fields {
  const mark: AgentMark = 'manual upgrade required';
  return marks.includes(mark) ? [['next', CATALOGUE['manual-upgrade-required'].remedy]] : [];
}

function upgradeFields(agent: Agent): Fields {
  const { upgrade } = agent;
  if (upgrade === null) return [];
  const bytes =
    upgrade.bytesTotal > 0
      ? `, ${formatBytes(upgrade.bytesDone)} of ${formatBytes(upgrade.bytesTotal)}`
      : '';
  const detail = upgrade.detail === '' ? '' : `: ${upgrade.detail}`;
  return [
    [
      'upgrade',
      `${upgrade.component} to ${upgrade.to}, attempt ${upgrade.attempt}, ${upgrade.step}${bytes}${detail}`,
    ],
    ...(upgrade.trouble === null ? [] : [['next', upgrade.trouble.remedy] as const]),
    ['command', upgrade.commandId],
  ];
}

/** Since then an earlier one holds. */
function configurationFields({ configurationTrouble }: Agent): Fields {
  if (configurationTrouble === null) return [];
  const told = toldIn(configurationTrouble);
  return [
    ['configuration', `not used as it is now: ${configurationTrouble}`],
    ...(told === null ? [] : [['next', told.remedy] as const]),
  ];
}

/** A host that has not said, or knows no tasks, has none to show. */
function taskFields({ tasks, name }: Agent): Fields {
  if (tasks === null || tasks.length === 0) return [];
  return [['tasks', `${tasks.join(', ')} (moult tasks list --agent ${name})`]];
}

function slotText(slot: { readonly version: string; readonly digest: string }): string {
  return `${slot.version} (${shortDigest(slot.digest)})`;
}
