/* What a selector can ask for: one closed list, from which docs/selectors.md is made. Values are lists of texts. */
import type { AgentMark, AgentState } from '../agent-state.ts';
import { HOLD_REASONS } from '../command/reasons.ts';
import { LABEL_NAME } from '../labels.ts';
import { PLATFORMS } from '../platform.ts';
import type { Version } from '../versions.ts';

/** One agent, as a selector sees it. */
export interface SelectorFacts {
  readonly agent: string;
  readonly group: string;
  /** Down where there is no session. */
  readonly state: AgentState;
  readonly marks: readonly string[];
  readonly isBusy: boolean;
  /** Empty: the host has not said. */
  readonly platform: string;
  /** Null: the host has not said, or has none. */
  readonly version: Version | null;
  readonly launcherVersion: Version | null;
  /** Of the agent itself; null: nothing is wanted for it. */
  readonly desired: Version | null;
  /** Hold reasons of its open commands. */
  readonly waiting: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export type SelectorField = {
  readonly means: string;
  readonly example: string;
  /** None: this agent has no such thing; then only `!=` is true of it. */
  readonly of: (facts: SelectorFacts) => readonly string[];
} & (
  | { readonly type: 'text' | 'version' }
  | { readonly type: 'word'; readonly words: readonly string[] }
);

const STATES: Readonly<Record<AgentState, true>> = {
  Down: true,
  Up: true,
  Paused: true,
  Upgrading: true,
  'Upgrade Failed': true,
};

const MARKS: Readonly<Record<AgentMark, true>> = {
  unvalidated: true,
  probation: true,
  busy: true,
  standby: true,
  quarantined: true,
  pinned: true,
  postponed: true,
  'host-locked': true,
  'over HTTPS': true,
  'manual upgrade required': true,
  'no Upgrading state': true,
  'no launcher': true,
  'changed by hand': true,
};

const YES_OR_NO = ['yes', 'no'];

export const SELECTOR_FIELDS: Readonly<Record<string, SelectorField>> = {
  agent: {
    type: 'text',
    means: 'name of the agent',
    example: 'agent=web-*',
    of: (facts) => [facts.agent],
  },
  group: {
    type: 'text',
    means: 'its group',
    example: 'group in (eu, us)',
    of: (facts) => [facts.group],
  },
  state: {
    type: 'word',
    words: Object.keys(STATES).map(wordOf),
    means: 'its state; Down is whoever has no session now',
    example: 'state!=down',
    of: (facts) => [wordOf(facts.state)],
  },
  mark: {
    type: 'word',
    words: Object.keys(MARKS).map(wordOf),
    means: 'a mark beside the state',
    example: 'mark=probation',
    of: (facts) => facts.marks.map(wordOf),
  },
  validated: {
    type: 'word',
    words: YES_OR_NO,
    means: 'whether somebody, or the policy of its token, has accepted it',
    example: 'validated=no',
    of: (facts) => yesOrNo(!facts.marks.includes('unvalidated')),
  },
  quarantined: {
    type: 'word',
    words: YES_OR_NO,
    means: 'whether it is refused because two hosts show its identity',
    example: 'quarantined=yes',
    of: (facts) => yesOrNo(facts.marks.includes('quarantined')),
  },
  busy: {
    type: 'word',
    words: YES_OR_NO,
    means: 'whether work is running on the host',
    example: 'busy=no',
    of: (facts) => yesOrNo(facts.isBusy),
  },
  platform: {
    type: 'word',
    words: PLATFORMS,
    means: 'platform of the host',
    example: 'platform=linux-arm64',
    of: (facts) => (facts.platform === '' ? [] : [facts.platform]),
  },
  version: {
    type: 'version',
    means: 'version of the agent that runs',
    example: 'version<2.1',
    of: (facts) => listOf(facts.version),
  },
  'launcher.version': {
    type: 'version',
    means: 'version of its launcher',
    example: 'launcher.version>=1.1',
    of: (facts) => listOf(facts.launcherVersion),
  },
  desired: {
    type: 'version',
    means: 'version that is wanted for the agent',
    example: 'desired=2.1.0',
    of: (facts) => listOf(facts.desired),
  },
  waiting: {
    type: 'word',
    words: Object.keys(HOLD_REASONS),
    means: 'why a command of it does not move: the hold reasons',
    example: 'waiting=refused-here',
    of: (facts) => facts.waiting,
  },
};

/** Labels are named by whoever gives them. */
export const LABEL_PREFIX = 'label.';

/** Null: there is no such field. */
export function fieldNamed(name: string): SelectorField | null {
  if (Object.hasOwn(SELECTOR_FIELDS, name)) return SELECTOR_FIELDS[name] ?? null;
  if (!name.startsWith(LABEL_PREFIX)) return null;
  const label = name.slice(LABEL_PREFIX.length);
  return LABEL_NAME.test(label) ? labelField(label) : null;
}

function labelField(label: string): SelectorField {
  return {
    type: 'text',
    means: 'a label of the agent',
    example: 'label.role=db',
    of: ({ labels }) => (Object.hasOwn(labels, label) ? listOf(labels[label] ?? null) : []),
  };
}

/** As it is written in a selector: `Upgrade Failed` is `upgrade-failed`. */
export function wordOf(text: string): string {
  return text.trim().toLowerCase().replace(/\s+/g, '-');
}

function listOf(text: string | null): readonly string[] {
  return text === null ? [] : [text];
}

function yesOrNo(claim: boolean): readonly string[] {
  return [claim ? 'yes' : 'no'];
}
