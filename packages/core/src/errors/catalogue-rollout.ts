export const ROLLOUT_ERRORS = {
  'rollout-state': {
    text: 'What was asked cannot be done with a rollout in its state.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'See how far it is: `moult rollouts status ROLLOUT`.',
  },
  'rollout-spec-invalid': {
    text: 'Waves, gates or thresholds of a rollout do not fit together, or are out of their range.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'See what is possible, with examples: `moult rollouts create --help`.',
  },
  'rollout-empty': {
    text: 'A rollout would upgrade nobody: those that it is for run the version already, or cannot.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'See who is meant, and what stands in the way: `moult rollouts plan SELECTOR --to VERSION`.',
  },
  'rollout-exists': {
    text: 'Another rollout bears that name.',
    status: 'already-exists',
    retryable: false,
    remedy: 'Choose another name, or leave it out: one is made of component and version.',
  },
  'rollout-overlaps': {
    text: 'An agent of the rollout is on the way in another one, which was named.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Wait for the other one, or cancel it: `moult rollouts cancel ROLLOUT`.',
  },
  'failed-after-commit': {
    text: 'An agent kept the version that a rollout gave it, and failed then: it goes back, unless the rollout says otherwise.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'See what it says: `moult agents show AGENT`, and on the host `moult agent logs`.',
  },
  'gone-after-commit': {
    text: 'An agent kept the version that a rollout gave it, and was not seen since for longer than a reboot takes.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'See on the host what its agent does: `moult agent status`. When it comes back and is well, it counts as done.',
  },
  'no-way-back': {
    text: 'The version that an agent of a rollout is to go back to is not known, or not published any more.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Choose one that is published, `moult release list`, and order it: `moult agents upgrade AGENT --to OTHER`.',
  },
  'deadline-passed': {
    text: 'A step of an upgrade took far longer than it takes elsewhere: its rollout goes on without it.',
    status: 'deadline-exceeded',
    retryable: true,
    remedy:
      'See in which step it is, and what holds it: `moult why AGENT`; then `moult rollouts retry ROLLOUT`.',
  },
  'host-vanished': {
    text: 'The host that has an order was not seen for so long that nobody waits for it any more.',
    status: 'deadline-exceeded',
    retryable: true,
    remedy:
      'See on the host what its agent does: `moult agent status`. What it reports when it comes back counts.',
  },
  'rollout-owns-agent': {
    text: 'A running rollout, which was named, is upgrading the agent right now.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Wait for its end, or leave the agent out of it: `moult rollouts skip ROLLOUT AGENT`, or cancel the rollout.',
  },
  'setting-unknown': {
    text: 'There is no setting of that name.',
    status: 'not-found',
    retryable: false,
    remedy: 'See all of them, with what they mean: `moult settings list`.',
  },
  'setting-invalid': {
    text: 'A value is not of the form of its setting, or the setting cannot be had there.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'See the form, and the default: `moult settings get KEY`.',
  },
  'rollout-plan-stale': {
    text: 'What agents report now differs from the plan of a rollout that was to start; the message says how.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Plan it again and look: `moult rollouts plan ROLLOUT`; or start it as it was planned: `moult rollouts start ROLLOUT --as-planned`.',
  },
  'rollout-start-past': {
    text: 'A rollout was to start at a time that has passed.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Give a time to come, with its zone (2026-12-01T02:00Z), or start it now.',
  },
  'rollout-not-approved': {
    text: 'A rollout needs the approval of a second principal before it starts, and has none for this plan.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Ask somebody else to look at it (`moult rollouts plan ROLLOUT`) and to approve it: `moult rollouts approve ROLLOUT`.',
  },
  'second-principal-needed': {
    text: 'Whoever made or last edited a rollout wanted to approve its start, which is for another principal.',
    status: 'permission-denied',
    retryable: false,
    remedy: 'Ask somebody else to approve it, with a token of their own.',
  },
  'rollout-split-invalid': {
    text: 'A rollout cannot be split into so many.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Split it into two at least, and no more than it has agents (or groups).',
  },
} as const;
