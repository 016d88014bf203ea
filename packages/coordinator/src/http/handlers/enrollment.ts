import { CodedError } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { Random } from '@moult/runtime/random';
import type { Store } from '@moult/store';
import type { Sessions } from '../../gateway/sessions.ts';
import type { TrustAnchors } from '../../trust-anchors.ts';
import type { Authentication } from '../authentication.ts';
import type { Call, Handlers, Routes } from '../handler.ts';
import {
  accessTokenText,
  enrollmentTokenText,
  newSecret,
  parseEnrollmentToken,
  secretHashOf,
} from '../tokens.ts';
import { tokenOf } from '../views.ts';

export interface EnrollmentHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly authentication: Authentication;
  readonly sessions: Sessions;
  readonly version: string;
  readonly anchors: () => Promise<TrustAnchors>;
}

type EnrollmentHandlers = Pick<
  Handlers,
  'getTrustAnchors' | 'enroll' | 'createToken' | 'listTokens' | 'revokeToken' | 'whoAmI'
>;

const PUBLIC_KEY = /^[A-Za-z0-9_-]{43}$/;

export function enrollmentHandlers(options: EnrollmentHandlersOptions): EnrollmentHandlers {
  const { store, clock } = options;
  return {
    getTrustAnchors: async () => {
      const { caPem, root } = await options.anchors();
      return { caPem, root };
    },
    enroll: (call) => enroll(options, call),
    createToken: (call) => createToken(options, call),
    listTokens: async () => ({ tokens: (await store.read('allTokens', null)).map(tokenOf) }),
    revokeToken: async ({ params, query, caller }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: query.why };
      const row = await store.write('revokeToken', { ...order, id: params.id });
      return { token: tokenOf(row) };
    },
    whoAmI: async ({ caller }) => ({ ...caller, coordinatorVersion: options.version }),
  };
}

async function enroll(
  options: EnrollmentHandlersOptions,
  call: Call<Routes['enroll']>,
): ReturnType<EnrollmentHandlers['enroll']> {
  const { store, clock, authentication } = options;
  const { body } = call;
  const token = parseEnrollmentToken(body.token);
  if (token === null) {
    const error = new CodedError('token-invalid', 'this is no enrollment token');
    throw authentication.failed(call.address, error);
  }
  if (!PUBLIC_KEY.test(body.publicKey)) {
    throw new CodedError('request-invalid', 'body.publicKey: not 32 bytes as base64url');
  }
  // Equal values: TLS ends here, and every session can be bound to its connection.
  const bindsChannel = call.channelBinding !== '' && body.channelBinding === call.channelBinding;
  try {
    const enrolled = await store.write('enroll', {
      tokenId: token.id,
      secretHash: secretHashOf(token.secret),
      publicKey: body.publicKey,
      name: body.name,
      platform: body.platform,
      bindsChannel,
      nowMs: clock.nowMs(),
    });
    for (const id of enrolled.replaced) options.sessions.of(id)?.close('decommissioned');
    const { instanceId, name, group, isValidated } = enrolled;
    const { rootSha256 } = await options.anchors();
    const desired = await store.read('firstVersions', group);
    return {
      instanceId,
      name,
      group,
      isValidated,
      bindsChannel: enrolled.bindsChannel,
      rootSha256,
      desired: [...desired],
    };
  } catch (caught) {
    // A wrong secret is a guess; a right one that is used up or too old is a mishap.
    const isGuess = caught instanceof CodedError && caught.code === 'token-invalid';
    throw isGuess ? authentication.failed(call.address, caught) : caught;
  }
}

async function createToken(
  options: EnrollmentHandlersOptions,
  call: Call<Routes['createToken']>,
): ReturnType<EnrollmentHandlers['createToken']> {
  const { store, clock, random } = options;
  const { body, caller } = call;
  const secret = newSecret(random);
  const nowMs = clock.nowMs();
  const common = {
    nowMs,
    principal: caller.principal,
    why: body.why,
    secretHash: secretHashOf(secret),
    expiresMs: body.ttlMs === null ? null : nowMs + body.ttlMs,
  };
  const row = await store.write(
    'createToken',
    body.kind === 'access'
      ? { ...common, kind: 'access', subject: body.principal, role: body.role ?? null }
      : {
          ...common,
          kind: 'enrollment',
          uses: body.uses,
          group: body.group,
          validates: body.validates,
          replaces: body.replaces ?? null,
        },
  );
  const token = tokenOf(row);
  if (body.kind === 'access') return { token, text: accessTokenText({ id: row.id, secret }) };
  const { rootSha256, caSha256 } = await options.anchors();
  return { token, text: enrollmentTokenText({ id: row.id, secret, rootSha256, caSha256 }) };
}
