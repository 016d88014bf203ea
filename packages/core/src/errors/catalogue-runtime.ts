export const RUNTIME_ERRORS = {
  internal: {
    text: 'The program came to a state that nobody foresaw.',
    status: 'internal',
    retryable: false,
    remedy: 'This is a defect: report it with the log lines around it.',
  },
  'config-invalid': {
    text: 'The configuration has a key that is unknown, missing, or not of its form.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Mend the named key in the configuration file, flag or environment variable.',
  },
  'file-unreadable': {
    text: 'A file could not be read.',
    status: 'internal',
    retryable: false,
    remedy: 'Check that the file exists and that this user may read it.',
  },
  'file-exists': {
    text: 'A file that was to be made is there already, and nothing is written over it.',
    status: 'already-exists',
    retryable: false,
    remedy: 'Give another path, or move the file that is there away.',
  },
  'file-unwritable': {
    text: 'A file could not be written.',
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Check free space, inodes and permissions of the directory.',
  },
} as const;
