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
  'desired-version-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Choose a published version: `moult release list`.',
  },
} as const;
