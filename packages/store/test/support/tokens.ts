import type { Store, TokenTable } from '../../src/index.ts';

export function makeToken(
  store: Store,
  overrides: {
    readonly why?: string;
    readonly expiresMs?: number;
    readonly uses?: number;
    readonly group?: string;
    readonly validates?: boolean;
  },
): Promise<TokenTable> {
  return store.write('createToken', {
    nowMs: 1_800_000_000_000,
    principal: 'ann',
    why: 'because',
    kind: 'enrollment',
    secretHash: 'hash',
    expiresMs: null,
    uses: 1,
    group: 'default',
    validates: true,
    ...overrides,
  });
}
