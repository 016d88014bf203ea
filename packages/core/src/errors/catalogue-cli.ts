export const CLI_ERRORS = {
  usage: {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'See --help.',
  },
} as const;
