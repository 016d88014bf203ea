export const RELEASE_ERRORS = {
  'manifest-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Build the release again with `moult release build`.',
  },
} as const;
