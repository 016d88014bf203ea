/*
 * Why something waits: one closed list. Each reason says in one sentence what it waits for, what frees it, and
 * whether people see it as *waiting for host*. Generated into docs/spec/reasons.md.
 */
export interface HoldReasonText {
  readonly text: string;
  /** The command that frees it, with placeholders in capitals; null: only time or the world does. */
  readonly freedBy: string | null;
  /** Where alone that command frees it; absent: everywhere. */
  readonly freedWhere?: string;
  readonly isWaitingForHost: boolean;
}

export const HOLD_REASONS = {
  'agent-down': {
    text: 'the agent is not connected',
    freedBy: 'moult commands revoke ID',
    freedWhere: 'where the host has the command already',
    isWaitingForHost: true,
  },
  unvalidated: {
    text: 'the agent is enrolled but nobody has validated it',
    freedBy: 'moult agents validate AGENT',
    isWaitingForHost: false,
  },
  paused: {
    text: 'the agent is paused',
    freedBy: 'moult agents resume AGENT',
    isWaitingForHost: true,
  },
  busy: { text: 'a task is running on the host', freedBy: null, isWaitingForHost: true },
  'earlier-runs': {
    text: 'the host has as many orders of this task as it gets at a time',
    freedBy: null,
    isWaitingForHost: true,
  },
  upgrading: { text: 'the agent is upgrading', freedBy: null, isWaitingForHost: true },
  'in-probation': {
    text: 'a new version is in probation and not committed yet',
    freedBy: null,
    isWaitingForHost: true,
  },
  'upgrade-failed': {
    text: 'the last upgrade to another major version failed',
    freedBy: 'moult agents clear AGENT',
    isWaitingForHost: false,
  },
  'outside-window': {
    text: 'no maintenance window is open',
    freedBy: 'moult agents upgrade AGENT --force',
    isWaitingForHost: false,
  },
  'awaiting-turn': {
    text: 'as many agents of its group as may be are upgrading already',
    freedBy: 'moult commands revoke ID',
    freedWhere: 'where the one that has the turn is Down',
    isWaitingForHost: false,
  },
  'awaiting-gate': {
    text: 'the gate of the wave before has not opened',
    freedBy: 'moult rollouts approve ROLLOUT',
    freedWhere: 'where the wave before is over',
    isWaitingForHost: false,
  },
  'awaiting-soak': {
    text: 'the wave before has not soaked long enough',
    freedBy: null,
    isWaitingForHost: false,
  },
  'awaiting-approval': {
    text: 'a person must approve',
    freedBy: 'moult rollouts approve ROLLOUT',
    isWaitingForHost: false,
  },
  'rollout-draft': {
    text: 'the rollout was not planned yet',
    freedBy: 'moult rollouts plan ROLLOUT',
    isWaitingForHost: false,
  },
  'rollout-pending': {
    text: 'the rollout was not started yet',
    freedBy: 'moult rollouts start ROLLOUT',
    isWaitingForHost: false,
  },
  'awaiting-time': {
    text: 'its start was set for a later time',
    freedBy: 'moult rollouts start ROLLOUT',
    isWaitingForHost: false,
  },
  'awaiting-sibling': {
    text: 'the rollout that it follows has not ended well',
    freedBy: 'moult rollouts start ROLLOUT',
    isWaitingForHost: false,
  },
  'agent-in-rollout': {
    text: 'an agent of it is in another rollout that is not over',
    freedBy: 'moult rollouts start ROLLOUT (it names the other one)',
    isWaitingForHost: false,
  },
  'plan-empty': {
    text: 'nobody would be upgraded: all run the version, cannot, or are gone',
    freedBy: 'moult rollouts plan ROLLOUT',
    isWaitingForHost: false,
  },
  'rollout-paused': {
    text: 'the rollout is paused',
    freedBy: 'moult rollouts resume ROLLOUT',
    isWaitingForHost: false,
  },
  'rollout-halted': {
    text: 'the rollout was halted by failures',
    freedBy: 'moult rollouts why ROLLOUT',
    isWaitingForHost: false,
  },
  'failed-in-rollout': {
    text: 'it failed in a rollout that is not over',
    freedBy: 'moult rollouts report ROLLOUT --agent AGENT',
    isWaitingForHost: false,
  },
  'rolling-back': {
    text: 'agents of the rollout go back to another version',
    freedBy: null,
    isWaitingForHost: false,
  },
  'rollout-failed': {
    text: 'the rollout is over, and of those that came late more have failed than it allows',
    freedBy: 'moult commands revoke ID',
    isWaitingForHost: false,
  },
  'floor-first': {
    text: 'an earlier release may not be jumped over and comes first',
    freedBy: null,
    isWaitingForHost: false,
  },
  'retry-backoff': {
    text: 'the last try failed and the next one is due later',
    freedBy: 'moult agents upgrade AGENT --to VERSION',
    isWaitingForHost: false,
  },
  'taken-back': {
    text: 'the command for it was skipped or revoked, or gave way to another order',
    freedBy: 'moult agents upgrade AGENT --to VERSION',
    isWaitingForHost: false,
  },
  'preflight-failed': {
    text: 'the pre-upgrade test fails on the host',
    freedBy: 'moult agents show AGENT',
    isWaitingForHost: false,
  },
  'refused-here': {
    text: 'this host has refused that version',
    // What has just failed is forced last, by who has read why.
    freedBy:
      'moult history AGENT (the evidence; then another version, moult agents upgrade AGENT --to OTHER, or the choice taken back, moult agents desired (--unset); if the release is good after all, moult agents upgrade AGENT --to VERSION --force)',
    isWaitingForHost: false,
  },
  pinned: {
    text: 'the owner of the host has pinned its version',
    freedBy: 'moult agent unpin (on the host)',
    isWaitingForHost: true,
  },
  postponed: {
    text: 'the owner of the host has postponed upgrades',
    freedBy: 'moult agent postpone 0 (on the host)',
    isWaitingForHost: true,
  },
  'host-locked': {
    text: 'a lock file on the host forbids upgrades',
    freedBy: 'moult agent status (on the host: it names the file)',
    isWaitingForHost: true,
  },
  standby: { text: 'the instance stands by', freedBy: null, isWaitingForHost: false },
  quarantined: {
    text: 'two hosts show this identity',
    freedBy: 'moult agents release-quarantine AGENT',
    isWaitingForHost: false,
  },
  'no-platform': {
    text: 'the release was not built for this platform',
    freedBy: 'moult release build --platform PLATFORM',
    isWaitingForHost: false,
  },
  'release-withdrawn': {
    text: 'the release is not published, or not any more',
    freedBy: 'moult release publish PACK',
    isWaitingForHost: false,
  },
  'no-launcher': {
    text: 'the agent runs without a launcher',
    freedBy: 'moult agent install (on the host)',
    isWaitingForHost: false,
  },
  'former-unknown': {
    text: 'nobody knows which version it ran before',
    freedBy: 'moult rollouts revert ROLLOUT --to VERSION',
    isWaitingForHost: false,
  },
  'moved-on': {
    text: 'it runs another version by now than the one that would be taken back',
    freedBy: null,
    isWaitingForHost: false,
  },
  'launcher-too-old': {
    text: 'the release demands a newer launcher',
    freedBy: 'moult agents upgrade AGENT --component launcher --to LAUNCHER',
    isWaitingForHost: false,
  },
  'awaiting-start': {
    text: 'the agent runs without a launcher and waits for somebody to start it',
    freedBy: 'moult agent run (on the host)',
    isWaitingForHost: true,
  },
  'manual-upgrade-required': {
    text: 'the agent is too old to upgrade itself',
    freedBy: 'install the current version on the host by hand',
    isWaitingForHost: false,
  },
  'pace-unknown': {
    text: 'the agent is too old for a soft or a fetch-only upgrade',
    freedBy: 'moult agents upgrade AGENT --to VERSION',
    isWaitingForHost: false,
  },
  'repair-exhausted': {
    text: 'repaired twice, and it shows another version again',
    freedBy: 'moult agents upgrade AGENT --force',
    isWaitingForHost: false,
  },
  'coordinator-upgrading': {
    text: 'the coordinator is in maintenance, or has not heard yet from agents that were upgrading when its version changed',
    freedBy: 'moult coordinator maintenance off',
    isWaitingForHost: false,
  },
  'release-missing': {
    text: 'it runs, on trial, a release that this restored coordinator does not have',
    freedBy: 'moult release publish PACK',
    isWaitingForHost: false,
  },
  'coordinator-restored': {
    text: 'the coordinator was restored from a backup and waits to be adopted',
    freedBy: 'moult coordinator adopt',
    isWaitingForHost: false,
  },
} as const;

/** Where one that is to go back never comes. */
export const BACK_BY_HAND =
  'moult agent status (on the host, if it never comes; there moult agent rollback takes it back by hand)';

export type HoldReason = keyof typeof HOLD_REASONS;

export function isHoldReason(text: string | null): text is HoldReason {
  return text !== null && Object.hasOwn(HOLD_REASONS, text);
}
