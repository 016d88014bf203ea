export const LAUNCHER_ERRORS = {
  'boot-record-unwritable': {
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Free space on the state directory; the version before keeps running meanwhile.',
  },
} as const;
