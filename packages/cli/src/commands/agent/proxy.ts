import { resolve } from 'node:path';
import type { Run } from '../../shell.ts';

/** As agent.yaml takes it; null: not said, and what that has counts. */
export interface GivenProxy {
  readonly proxy: string | null;
  readonly proxyPasswordFile: string | null;
}

export function givenProxy(
  options: { readonly proxy?: string; readonly proxyPasswordFile?: string },
  { invocation }: Run,
): GivenProxy {
  const path = options.proxyPasswordFile ?? invocation.variable('MOULT_PROXY_PASSWORD_FILE');
  return {
    proxy: options.proxy ?? invocation.variable('MOULT_PROXY'),
    proxyPasswordFile: path === null ? null : resolve(path),
  };
}
