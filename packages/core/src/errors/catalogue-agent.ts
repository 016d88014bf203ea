export const AGENT_ERRORS = {
  'packages-not-refreshed': {
    status: 'failed-precondition',
    retryable: true,
    remedy: 'See the cause beside it; the version that runs is untouched.',
  },
  'desired-version-unavailable': {
    status: 'unavailable',
    retryable: true,
    remedy:
      'Check that the coordinator is reachable from this host; the next check is within the hour.',
  },
  'refused-here': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'See the evidence in `moult history AGENT`; publish a version that mends it, or force this one.',
  },
  'desired-version-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Choose a published version: `moult release list`.',
  },
  'component-unknown': {
    status: 'unimplemented',
    retryable: false,
    remedy: 'Upgrade the agent first: this version does not know that component.',
  },
  'command-unknown': {
    status: 'unimplemented',
    retryable: false,
    remedy: 'Upgrade the agent first: this version does not know that kind of command.',
  },
  'launcher-too-old': {
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Upgrade the launcher first: `moult agents upgrade AGENT --component launcher`.',
  },
  'launcher-silent': {
    status: 'unavailable',
    retryable: true,
    remedy: 'See the log of the launcher: it did not answer over the pipe.',
  },
  'launcher-missing': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Start the agent under its launcher: `moult launcher run --root DIR`.',
  },
  'slots-unwritable': {
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Give the versions directory back to the user that the agent runs as.',
  },
  'agent-already-running': {
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Stop the other agent of this root first, or give this one another --root.',
  },
  'state-too-new': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Run the version that wrote agent.db, or a newer one; this one must not touch it.',
  },
  'not-enrolled': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Enroll this host: `moult agent enroll --coordinator URL --token TOKEN`.',
  },
  'identity-unreadable': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Restore identity.key from a backup, or remove it and enroll this host anew.',
  },
  'enrollment-token-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Copy the whole token, or make a new one: `moult tokens create`.',
  },
  'enrollment-refused': {
    status: 'permission-denied',
    retryable: false,
    remedy: 'Make a new token on the coordinator: `moult tokens create`.',
  },
  'enrollment-pin-mismatch': {
    status: 'permission-denied',
    retryable: false,
    remedy:
      'Something stands between this host and the coordinator, or the token is of another one or of an older release root: check the address, then make a new token.',
  },
  'enrolled-elsewhere': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Use another --root, or remove agent.yaml of this one if it may change its coordinator.',
  },
  'coordinator-insecure': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Use an https address; plain http is for a coordinator on this very machine.',
  },
  'coordinator-unreachable': {
    status: 'unavailable',
    retryable: true,
    remedy: 'Check the address, the network, and that the coordinator runs.',
  },
  'session-refused': {
    status: 'failed-precondition',
    retryable: true,
    remedy: 'See the reason beside it, and `moult agents show AGENT`.',
  },
} as const;
