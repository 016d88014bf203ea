import type { RestoreStatus } from '@moult/api';
import { ABSENT, formatTime } from '../../terminal/format.ts';

/** Names that one line can bear; all of them are in `-o json`. */
const NAMES_MAX = 20;

/** What a restore means for the fleet, for people who decide about it at 3 a.m. */
export function restoreLines(status: RestoreStatus): readonly string[] {
  const { restore, agents, seen, ahead, orphans } = status;
  if (restore === null) return ['This coordinator was never restored from a backup.'];
  const settled = ahead.filter((agent) => agent.isSettled);
  const onTrial = ahead.filter((agent) => !agent.isSettled && agent.missing === null);
  const missing = ahead.filter((agent) => agent.missing !== null);
  return [
    `Restored ${formatTime(restore.atMs)} (${restore.origin}): ${restore.why || ABSENT}`,
    restore.adoptedMs === null
      ? 'Not adopted: everything holds until `moult coordinator adopt`.'
      : `Adopted ${formatTime(restore.adoptedMs)} by ${restore.adoptedBy ?? ABSENT}.`,
    `Seen since: ${seen} of ${agents} agents; those that come later are judged when they come.`,
    ...named(`Ahead of the backup, they keep what they run until a new choice is made`, settled),
    ...named('Ahead of the backup, with a version on trial', onTrial),
    ...missing.map(
      (agent) =>
        `${agent.name} runs ${agent.missing?.component} ${agent.missing?.version} on trial, which is not published here: \`moult release publish PACK\`.`,
    ),
    ...(orphans === 0
      ? []
      : [`Kept: ${orphans} reports of orders that this store does not know (\`moult history\`).`]),
  ];
}

function named(text: string, agents: RestoreStatus['ahead']): readonly string[] {
  if (agents.length === 0) return [];
  const names = agents
    .slice(0, NAMES_MAX)
    .map((agent) => `${agent.name} (${agent.version ?? ABSENT})`);
  const more = agents.length > NAMES_MAX ? ', …' : '';
  return [`${text}: ${agents.length}: ${names.join(', ')}${more}`];
}
