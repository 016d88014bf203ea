/*
 * Cells that are decided (a table is total) and that no life can come to, with the reason. They have tests of their
 * own in packages/core. A cell that is listed here and met all the same is reported: then the reason is wrong.
 */
const REASONS: readonly (readonly [cell: RegExp, why: string])[] = [
  [
    /^upgrade: idle × (?!ordered|booted)/,
    'such an event names its attempt, and idle has none: it is stale before it is looked up (U4)',
  ],
  [
    /^upgrade: (?!idle).* × ordered$/,
    'orders are what the work of idle finds, and nothing else (U2)',
  ],
  [
    /^upgrade: (?!rehearsed|draining).* × permission-(granted|unanswered)$/,
    'the desk pairs answers with its open question, which ends with its state (U5)',
  ],
  [/^upgrade: (?!probation).* × attested$/, 'the shell says it in probation only'],
  [
    /^upgrade: (?!probation|idle).* × confirmed$/,
    'only while the version calls itself well, which it does in probation (U19)',
  ],
  [/^upgrade: (rehearsed|draining) × work-failed$/, 'asking for permission cannot fail'],
  [
    /^supervision: idle × (?!started|save-failed)/,
    'the launcher takes `started` before it looks at its queue',
  ],
  [
    /^supervision: starting × (?!spawned|spawn-failed|save-failed)/,
    'the end of a spawn is taken before the queue is looked at',
  ],
  [
    /^supervision: stopping × (spawned|spawn-failed)$/,
    'the end of a spawn is taken before the queue is looked at',
  ],
  [/^supervision: ended × /, 'nothing is taken any more'],
  [
    /^supervision: (probing|backing-off) × (heartbeat|try-asked|commit-asked|refuse-asked|roll-back-asked|dialled|exited)$/,
    'what a process said comes before its end, once',
  ],
  [/^supervision: (?!backing-off).* × waited$/, 'a wait is aborted with its state'],
  [/^supervision: watching × try-asked$/, 'an agent on trial takes no further order (U2)'],
  [
    /^verdict: (open|dialling|world-broken|dial-due) × probed$/,
    'a probe is aborted with the verdict that wanted it',
  ],
  [
    /^verdict: (probing-own|probing-previous|world-broken|dial-due) × dialled$/,
    'an agent answers in 45 s, the launcher waits for 55 s at least',
  ],
];

/** Null: it can come about. */
export function whyUnreachable(cell: string): string | null {
  return REASONS.find(([pattern]) => pattern.test(cell))?.[1] ?? null;
}
