/*
 *   queued ─sent─► sent ─accepted─► running ─finished─► succeeded | failed
 *     ▲ ▲           │ lapsed          │
 *     │ └───────────┘                 └─ finished, may be tried again ─► queued (next attempt)
 *   any open one ─revoked─► revoked      queued, sent ─not-after passed─► expired      queued, sent ─skipped─► skipped
 *                                        accepted, running ─host away for too long─► expired
 *
 * A command is a row; sending it is a hint. An accepted one is durable in the agent's inbox and has no lease: it
 * ends by the agent's word, or when its host has been away for so long that nobody waits for it any more. Invariants C1… are in docs/spec/command.md.
 */
export const COMMAND_STATES = [
  'queued',
  'sent',
  'accepted',
  'running',
  'succeeded',
  'failed',
  'skipped',
  'expired',
  'revoked',
] as const;

export type CommandState = (typeof COMMAND_STATES)[number];

export type EndedState = Exclude<CommandState, 'queued' | 'sent' | 'accepted' | 'running'>;

export type CommandEvent =
  /** Put on the wire. */
  | 'sent'
  /** The session it was sent on ended, or no answer came: it may be sent again. */
  | 'lapsed'
  | 'accepted'
  | 'progressed'
  | 'finished-well'
  | 'finished-badly'
  | 'skipped'
  | 'revoked'
  | 'outlived'
  /** The host that has it was not seen for VANISHED_MS. */
  | 'vanished';

/** A host that is away for a day no longer keeps its group's turn; what it reports when it comes back counts (C15). */
export const VANISHED_MS = 86_400_000;

/** The state after; `ignore`: legal and means nothing here (repeated frames, late answers). */
export type CommandCell = CommandState | 'ignore';

export const COMMAND_TRANSITIONS: Readonly<
  Record<CommandState, Readonly<Record<CommandEvent, CommandCell>>>
> = {
  queued: {
    sent: 'sent',
    lapsed: 'ignore',
    // The acceptance of an earlier sending can arrive after the lapse: the agent has it durably (C2).
    accepted: 'accepted',
    progressed: 'running',
    'finished-well': 'succeeded',
    'finished-badly': 'failed',
    skipped: 'skipped',
    revoked: 'revoked',
    outlived: 'expired',
    // It is not on a host: its not-after says how long it waits.
    vanished: 'ignore',
  },
  sent: {
    sent: 'ignore',
    lapsed: 'queued',
    accepted: 'accepted',
    progressed: 'running',
    'finished-well': 'succeeded',
    'finished-badly': 'failed',
    skipped: 'skipped',
    // It may be in the agent's inbox already: permission is denied then, and its report ends nothing more.
    revoked: 'revoked',
    outlived: 'expired',
    // It is not on a host: its not-after says how long it waits.
    vanished: 'ignore',
  },
  accepted: {
    sent: 'ignore',
    lapsed: 'ignore',
    accepted: 'ignore',
    progressed: 'running',
    'finished-well': 'succeeded',
    'finished-badly': 'failed',
    // Until its fetching starts (R11), which its progress says.
    skipped: 'skipped',
    revoked: 'revoked',
    outlived: 'ignore',
    vanished: 'expired',
  },
  running: {
    sent: 'ignore',
    lapsed: 'ignore',
    accepted: 'ignore',
    progressed: 'ignore',
    'finished-well': 'succeeded',
    'finished-badly': 'failed',
    skipped: 'ignore',
    revoked: 'revoked',
    outlived: 'ignore',
    vanished: 'expired',
  },
  // An end is an end (C15), but for one correction: what the agent reports as done was done.
  succeeded: ended({}),
  failed: ended({}),
  skipped: ended({ 'finished-well': 'succeeded' }),
  expired: ended({ 'finished-well': 'succeeded' }),
  revoked: ended({ 'finished-well': 'succeeded' }),
};

export function commandAfter(state: CommandState, event: CommandEvent): CommandState {
  const cell = COMMAND_TRANSITIONS[state][event];
  return cell === 'ignore' ? state : cell;
}

export function isEnded(state: CommandState): state is EndedState {
  return !['queued', 'sent', 'accepted', 'running'].includes(state);
}

function ended(
  exceptions: Partial<Record<CommandEvent, CommandCell>>,
): Readonly<Record<CommandEvent, CommandCell>> {
  return {
    sent: 'ignore',
    lapsed: 'ignore',
    accepted: 'ignore',
    progressed: 'ignore',
    'finished-well': 'ignore',
    'finished-badly': 'ignore',
    skipped: 'ignore',
    revoked: 'ignore',
    outlived: 'ignore',
    vanished: 'ignore',
    ...exceptions,
  };
}
