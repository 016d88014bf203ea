export const RUNTIME_ERRORS = {
  internal: {
    status: 'internal',
    retryable: false,
    remedy: 'This is a defect: report it with the log lines around it.',
  },
  'config-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Mend the named key in the configuration file, flag or environment variable.',
  },
  'file-unreadable': {
    status: 'internal',
    retryable: false,
    remedy: 'Check that the file exists and that this user may read it.',
  },
  'file-unwritable': {
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Check free space, inodes and permissions of the directory.',
  },
} as const;
