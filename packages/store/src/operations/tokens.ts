import { CodedError } from '@moult/core/errors';
import type { Role } from '@moult/core/permission';
import type { TokenTable } from '../database.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { agentByName } from './instances.ts';
import {
  makePrincipal,
  principalNamed,
  requireAdministrator,
  requirePrincipal,
} from './principal-rows.ts';

export type NewToken = Order & {
  readonly secretHash: string;
  readonly expiresMs: number | null;
} & (
    | {
        readonly kind: 'enrollment';
        readonly uses: number;
        readonly group: string;
        readonly validates: boolean;
        /** The agent whose host was made anew: the one that enrolls takes its place. */
        readonly replaces?: string | null;
      }
    | {
        readonly kind: 'access';
        readonly subject: string;
        /** Null: its principal's. Of a principal that is not there, one is made with it. */
        readonly role: Role | null;
      }
  );

/**
 * Throws `not-found` for a token that would replace nobody, or is for nobody; `principal-exists` where its role is not
 * the principal's, `principal-revoked`.
 */
export async function createToken(context: WriteContext, token: NewToken): Promise<TokenTable> {
  const { nowMs, principal, why } = token;
  const replaces = token.kind === 'enrollment' ? (token.replaces ?? null) : null;
  if (replaces !== null && (await agentByName(context.db, replaces)) === null) {
    throw new CodedError('not-found', `there is no agent ${replaces} to be replaced`);
  }
  const role = token.kind === 'access' ? await roleFor(context, token) : null;
  const row: TokenTable = {
    id: context.newId(nowMs),
    kind: token.kind,
    secret_hash: token.secretHash,
    principal: token.kind === 'access' ? token.subject : principal,
    role,
    group_name: token.kind === 'enrollment' ? token.group : null,
    validates: token.kind === 'enrollment' && token.validates ? 1 : 0,
    uses_left: token.kind === 'enrollment' ? token.uses : null,
    expires_ms: token.expiresMs,
    created_ms: nowMs,
    created_by: principal,
    why,
    revoked_ms: null,
    revoked_by: null,
    replaces,
  };
  await context.db.insertInto('tokens').values(row).execute();
  const detail = {
    token: row.id,
    kind: row.kind,
    ...(token.kind === 'access'
      ? { subject: token.subject, role }
      : { group: token.group, replaces }),
  };
  await addHistory(context, { nowMs, kind: 'token-created', principal, why, detail });
  return row;
}

/** Of its principal, which is made where it is not there. */
async function roleFor(
  context: WriteContext,
  token: Order & { readonly subject: string; readonly role: Role | null },
): Promise<Role> {
  const { subject: name, role } = token;
  const known = await principalNamed(context.db, name);
  if (role !== null && known === null) {
    await makePrincipal(context, { ...token, name, role });
    return role;
  }
  const { role: its } = await requirePrincipal(context.db, name);
  if (role === null || role === its) return its;
  throw new CodedError('principal-exists', `${name} exists already, as ${its}`);
}

/** Again is no error: the first revocation stands. Throws `not-found`, `last-administrator`. */
export async function revokeToken(
  context: WriteContext,
  args: Order & { readonly id: string },
): Promise<TokenTable> {
  const row = await tokenById(context.db, args.id);
  if (row === null) throw new CodedError('not-found', `there is no token ${args.id}`);
  if (row.revoked_ms !== null) return row;
  const change = { revoked_ms: args.nowMs, revoked_by: args.principal };
  await context.db.updateTable('tokens').set(change).where('id', '=', args.id).execute();
  const { nowMs, principal, why } = args;
  if (row.role === 'admin') {
    await requireAdministrator(context.db, { nowMs, change: `revoking token ${args.id}` });
  }
  const detail = {
    token: args.id,
    ...(row.kind === 'access' ? { subject: row.principal, role: row.role } : {}),
  };
  await addHistory(context, { nowMs, kind: 'token-revoked', principal, why, detail });
  return { ...row, ...change };
}

export async function tokenById(db: ReadContext, id: string): Promise<TokenTable | null> {
  const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
  return row ?? null;
}

/** Newest first. */
export async function allTokens(db: ReadContext, _args: null): Promise<readonly TokenTable[]> {
  return db.selectFrom('tokens').selectAll().orderBy('id', 'desc').execute();
}
