/** What the `moult` program and the typed REST client say by themselves; the rest comes from what they call. */
export const CLI_ERRORS = {
  usage: {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'See --help.',
  },
  'not-logged-in': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Run `moult login --url URL --token TOKEN --ca FILE`, or set MOULT_URL and MOULT_TOKEN.',
  },
  'context-invalid': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Correct the named file, or remove it and run `moult login` again.',
  },
  'context-unknown': {
    status: 'not-found',
    retryable: false,
    remedy: 'Choose one of the contexts that `moult login --list` shows.',
  },
  'coordinator-unreachable': {
    status: 'unavailable',
    retryable: true,
    remedy: 'Check the address, and that the coordinator runs: `moult coordinator serve`.',
  },
  'coordinator-untrusted': {
    status: 'permission-denied',
    retryable: false,
    remedy: 'Give the CA that signed its certificate: `moult login --ca FILE`.',
  },
  'coordinator-insecure': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Use an https address; plain http is for loopback only.',
  },
  'coordinator-silent': {
    status: 'deadline-exceeded',
    retryable: true,
    remedy: 'The coordinator took too long: look at its log, then run the same command again.',
  },
  'coordinator-refused': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'See the message; this program is older than the coordinator and does not know the code.',
  },
  'response-invalid': {
    status: 'internal',
    retryable: false,
    remedy:
      'Check that the address is that of a coordinator, and that its version fits this program.',
  },
  'wait-ended': {
    status: 'deadline-exceeded',
    retryable: true,
    remedy:
      'The command goes on: `moult commands show ID` says how far it is, `moult why` why it waits.',
  },
  'agents-refused': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Each is named with its reason; for all others it was done.',
  },
  'upgrade-not-done': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'See `moult history AGENT` for the steps and the evidence.',
  },
  interrupted: {
    status: 'cancelled',
    retryable: true,
    remedy: 'What was ordered goes on; run the command again to go on watching.',
  },
} as const;
