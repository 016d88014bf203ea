import type { AgentMark } from '../agent-state.ts';
import type { Pace } from '../upgrade/index.ts';

/** Done by the agent's process at once, in any order of arrival; they travel as one message of the wire. */
export const CONTROL_KINDS = ['pause', 'resume', 'restart', 'clear'] as const;

/** What a command orders. */
export const COMMAND_KINDS = [
  'autoUpgrade',
  'pause',
  'resume',
  'restart',
  'clear',
  'task',
] as const;

export type ControlKind = (typeof CONTROL_KINDS)[number];
export type CommandKind = (typeof COMMAND_KINDS)[number];

export function isControlKind(text: string): text is ControlKind {
  return (CONTROL_KINDS as readonly string[]).includes(text);
}

/** What an agent must have declared to be sent a command of this kind. */
export const CAPABILITY_FOR: Readonly<Record<CommandKind, string>> = {
  autoUpgrade: 'auto-upgrade',
  pause: 'control',
  resume: 'control',
  restart: 'control',
  clear: 'control',
  task: 'tasks',
};

/** What an agent must have declared beside, to be sent an upgrade of this pace; null: nothing. */
export const CAPABILITY_FOR_PACE: Readonly<Record<Pace, string | null>> = {
  now: null,
  soft: 'soft-upgrade',
  'fetch-only': 'fetch-only',
};

/** Null: no session of it was ever seen. An older one would interrupt what it was to leave alone, so it is sent nothing. */
export function knowsPace(capabilities: readonly string[] | null, pace: Pace): boolean | null {
  const wanted = CAPABILITY_FOR_PACE[pace];
  return wanted === null ? true : (capabilities?.includes(wanted) ?? null);
}

/** The agent reports Upgrading while it drains and switches; one that cannot upgrades all the same, unseen. */
const SHOWS_UPGRADING = 'upgrading-state';

/** What an agent with these capabilities is too old for, as it is shown (H15, H5); null: for nothing. */
export function tooOldMarkOf(capabilities: readonly string[]): AgentMark | null {
  if (!capabilities.includes(CAPABILITY_FOR.autoUpgrade)) return 'manual upgrade required';
  return capabilities.includes(SHOWS_UPGRADING) ? null : 'no Upgrading state';
}
