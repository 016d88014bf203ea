import { CodedError } from '@moult/core/errors';
import type { Role } from '@moult/core/permission';
import type { TokenTable } from '../database.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { agentByName } from './instances.ts';

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
    | { readonly kind: 'access'; readonly subject: string; readonly role: Role }
  );

/** Throws `not-found` for a token that would replace nobody. */
export async function createToken(context: WriteContext, token: NewToken): Promise<TokenTable> {
  const { nowMs, principal, why } = token;
  const replaces = token.kind === 'enrollment' ? (token.replaces ?? null) : null;
  if (replaces !== null && (await agentByName(context.db, replaces)) === null) {
    throw new CodedError('not-found', `there is no agent ${replaces} to be replaced`);
  }
  const row: TokenTable = {
    id: context.newId(nowMs),
    kind: token.kind,
    secret_hash: token.secretHash,
    principal: token.kind === 'access' ? token.subject : principal,
    role: token.kind === 'access' ? token.role : null,
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
  await context.db
    .insertInto('principals')
    .values({ name: row.principal, created_ms: nowMs, created_by: principal })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const detail = { token: row.id, kind: row.kind, role: row.role, group: row.group_name, replaces };
  await addHistory(context, { nowMs, kind: 'token-created', principal, why, detail });
  return row;
}

/** Again is no error: the first revocation stands. Throws `not-found`. */
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
  await addHistory(context, {
    nowMs,
    kind: 'token-revoked',
    principal,
    why,
    detail: { token: args.id },
  });
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
