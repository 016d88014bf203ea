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
  'method-not-allowed': {
    status: 'unimplemented',
    retryable: false,
    remedy: 'Use one of the methods that /v1/openapi.json names for this path.',
  },
  'request-too-large': {
    status: 'out-of-range',
    retryable: false,
    remedy: 'Send less; the limits stand in the documentation of the API.',
  },
  'too-many-failures': {
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Wait a minute, then try again with a valid token.',
  },
  'token-invalid': {
    status: 'unauthenticated',
    retryable: false,
    remedy: 'Ask for a new enrollment token: `moult tokens create`.',
  },
  'token-used': {
    status: 'permission-denied',
    retryable: false,
    remedy: 'Every use of this token is taken; ask for a new one: `moult tokens create`.',
  },
  'token-expired': {
    status: 'permission-denied',
    retryable: false,
    remedy: 'Ask for a new enrollment token: `moult tokens create`.',
  },
  'token-revoked': {
    status: 'permission-denied',
    retryable: false,
    remedy: 'Ask for a new enrollment token: `moult tokens create`.',
  },
  'key-enrolled': {
    status: 'already-exists',
    retryable: false,
    remedy:
      'This key has an identity already; remove the state of the new host and enroll it again.',
  },
  'name-taken': {
    status: 'already-exists',
    retryable: false,
    remedy: 'Choose another name: `moult agent enroll --name NAME`.',
  },
  'selector-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Mend the selector at the named column; docs/selectors.md lists fields and operators.',
  },
  'nothing-selected': {
    status: 'not-found',
    retryable: false,
    remedy: 'Nothing was done. See whom a selector means: `moult agents list SELECTOR`.',
  },
  'action-refused': {
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Wait until the state of the agent allows it: `moult agents show AGENT`.',
  },
  'capability-missing': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Upgrade the agent first, by hand if it is too old to upgrade itself.',
  },
  'command-ended': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Look at how it ended: `moult commands show COMMAND`.',
  },
  'too-late': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Take it back instead: `moult commands revoke COMMAND`.',
  },
  'no-desired-version': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Name a version (`--to VERSION`) or choose one: `moult agents desired`.',
  },
  'database-corrupt': {
    status: 'data-loss',
    retryable: false,
    remedy: 'Stop the coordinator, keep the file aside and restore the newest backup.',
  },
  'database-foreign': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Name the right state directory; nothing in this file was changed.',
  },
  'database-too-new': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Start the coordinator version that wrote this database, or a newer one.',
  },
  'database-locked': {
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Stop the other coordinator that uses this state directory, or name another directory.',
  },
  'database-unwritable': {
    status: 'unavailable',
    retryable: true,
    remedy: 'Check that the directory exists, that this user may write there, and the disk itself.',
  },
  'store-overloaded': {
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'The disk does not keep up; wait, then try again.',
  },
  'store-closed': {
    status: 'unavailable',
    retryable: true,
    remedy: 'The coordinator is stopping; try again when it runs.',
  },
  'coordinator-not-initialized': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Make it first: `moult coordinator init`.',
  },
  'coordinator-initialized': {
    status: 'already-exists',
    retryable: false,
    remedy: 'It is ready: `moult coordinator serve`. Choose another directory for a second one.',
  },
  'port-in-use': {
    status: 'unavailable',
    retryable: true,
    remedy:
      'Stop the program that listens there, or give another address: `--listen 127.0.0.1:PORT`.',
  },
  'listen-failed': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Give an address of this machine as HOST:PORT; ports below 1024 need rights.',
  },
  'listen-insecure': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Set tls.cert and tls.key, listen on 127.0.0.1, or say --behind-proxy when TLS ends at a proxy.',
  },
  'certificate-invalid': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Check that tls.cert and tls.key are readable PEM files and belong together.',
  },
  'session-unknown': {
    status: 'unauthenticated',
    retryable: true,
    remedy: 'The session is over, or was never there; the agent opens a new one by itself.',
  },
  'session-broken': {
    status: 'aborted',
    retryable: true,
    remedy:
      'A request or an answer was lost or repeated on the way; the agent opens a new session by itself.',
  },
  'too-many-sessions': {
    status: 'unavailable',
    retryable: true,
    remedy: 'Agents try again by themselves; mend what keeps them from their WebSocket.',
  },
  'shutting-down': {
    status: 'unavailable',
    retryable: true,
    remedy: 'The coordinator is stopping; try again when it runs.',
  },
} as const;
