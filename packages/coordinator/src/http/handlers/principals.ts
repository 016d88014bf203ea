import type { Clock } from '@moult/runtime/clock';
import type { Random } from '@moult/runtime/random';
import type { Store } from '@moult/store';
import type { Handlers } from '../handler.ts';
import { accessTokenText, newSecret, secretHashOf } from '../tokens.ts';
import { principalOf, tokenOf } from '../views.ts';

export function principalHandlers(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}): Pick<Handlers, 'listPrincipals' | 'addPrincipal' | 'setPrincipalRole' | 'revokePrincipal'> {
  const { store, clock, random } = options;
  return {
    listPrincipals: async () => {
      const views = await store.read('allPrincipals', { nowMs: clock.nowMs() });
      return { principals: views.map(principalOf) };
    },
    addPrincipal: async ({ body, caller }) => {
      const { name, role, ttlMs, why } = body;
      const secret = newSecret(random);
      const nowMs = clock.nowMs();
      const made = await store.write('addPrincipal', {
        nowMs,
        principal: caller.principal,
        why,
        name,
        role,
        secretHash: secretHashOf(secret),
        expiresMs: ttlMs === null ? null : nowMs + ttlMs,
      });
      return {
        principal: principalOf(made.principal),
        token: tokenOf(made.token),
        text: accessTokenText({ id: made.token.id, secret }),
      };
    },
    setPrincipalRole: async ({ params, body, caller }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, ...body };
      return principalOf(await store.write('setPrincipalRole', { ...order, ...params }));
    },
    revokePrincipal: async ({ params, body, caller }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: body.why };
      return principalOf(await store.write('revokePrincipal', { ...order, ...params }));
    },
  };
}
