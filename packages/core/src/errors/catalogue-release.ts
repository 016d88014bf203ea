import type { CatalogueEntry } from './entry.ts';

export const RELEASE_ERRORS = {
  'manifest-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Build the release again with `moult release build`.',
  },
} as const satisfies Record<string, CatalogueEntry>;
