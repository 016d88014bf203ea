/** What the `moult` program and the typed REST client say by themselves; the rest comes from what they call. */
export const CLI_ERRORS = {
  usage: {
    text: 'The command line names something that the command does not know.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'See --help.',
  },
  'not-logged-in': {
    text: 'There is no coordinator and no token to work with.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Run `moult login --url URL --token TOKEN --ca FILE`, or set MOULT_URL and MOULT_TOKEN.',
  },
  'context-invalid': {
    text: 'A file of the CLI that holds contexts or tokens cannot be read.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Correct the named file, or remove it and run `moult login` again.',
  },
  'context-unknown': {
    text: 'There is no context of that name.',
    status: 'not-found',
    retryable: false,
    remedy: 'Choose one of the contexts that `moult login --list` shows.',
  },
  'coordinator-unreachable': {
    text: 'No connection to the coordinator came about.',
    status: 'unavailable',
    retryable: true,
    remedy: 'Check the address, and that the coordinator runs: `moult coordinator serve`.',
  },
  'coordinator-untrusted': {
    text: 'The certificate of the coordinator was not signed by a CA that is trusted here.',
    status: 'permission-denied',
    retryable: false,
    remedy: 'Give the CA that signed its certificate: `moult login --ca FILE`.',
  },
  'coordinator-insecure': {
    text: 'The address of the coordinator is neither https nor on this very machine.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Use an https address; plain http is for loopback only.',
  },
  'coordinator-silent': {
    text: 'The coordinator took the request and did not answer in time.',
    status: 'deadline-exceeded',
    retryable: true,
    remedy: 'The coordinator took too long: look at its log, then run the same command again.',
  },
  'coordinator-refused': {
    text: 'The coordinator refused the request with a code that this program does not know.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'See the message; this program is older than the coordinator and does not know the code.',
  },
  'response-invalid': {
    text: 'What answered does not speak the interface of a coordinator.',
    status: 'internal',
    retryable: false,
    remedy:
      'Check that the address is that of a coordinator, and that its version fits this program.',
  },
  'wait-ended': {
    text: 'The command that was waited for has not ended in the time that was given.',
    status: 'deadline-exceeded',
    retryable: true,
    remedy:
      'The command goes on: `moult commands show ID` says how far it is, `moult why` why it waits.',
  },
  'agents-refused': {
    text: 'Some of the agents that were named, or selected, refused what was ordered.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Each is named with its reason; for all others it was done.',
  },
  'upgrade-not-done': {
    text: 'The upgrade that was waited for ended without the version that was ordered.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'See `moult history AGENT` for the steps and the evidence.',
  },
  'rollout-not-done': {
    text: 'The rollout that was asked about failed in part, was halted or was cancelled.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'See who did not get the version, and why: `moult rollouts why ROLLOUT`.',
  },
  'task-not-done': {
    text: 'A run that was waited for ended otherwise than succeeded; the message says how, and its own code.',
    status: 'unknown',
    retryable: false,
    remedy: 'See `moult tasks show RUN`, and what it wrote: `moult output AGENT --run RUN`.',
  },
  interrupted: {
    text: 'Waiting was interrupted from the keyboard.',
    status: 'cancelled',
    retryable: true,
    remedy: 'What was ordered goes on; run the command again to go on watching.',
  },
} as const;
