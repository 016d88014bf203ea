export const COORDINATOR_ERRORS = {
  'not-found': {
    status: 'not-found',
    retryable: false,
    remedy: 'Check the name; list what there is.',
  },
  unauthenticated: {
    status: 'unauthenticated',
    retryable: false,
    remedy: 'Give a valid token: `moult login --url URL --token TOKEN`.',
  },
  'permission-denied': {
    status: 'permission-denied',
    retryable: false,
    remedy: 'Ask an administrator for a role that may do this.',
  },
  'request-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Mend the named field; /v1/openapi.json describes each request.',
  },
} as const;
