/*
 * Principals: people and scripts, each with one role and any number of access tokens (docs/spec/principal.md). The role
 * stands on each token as well, changed in the same transaction: a request reads one row.
 */
import type { Role } from '@moult/core/permission';
import type { TokenTable } from '../database.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import {
  goodTokens,
  makePrincipal,
  type PrincipalRow,
  principalRows,
  requireAdministrator,
  requireKnown,
  requirePrincipal,
} from './principal-rows.ts';
import { createToken } from './tokens.ts';

export interface PrincipalView extends PrincipalRow {
  readonly role: Role;
  /** How many of its tokens are good now. */
  readonly tokens: number;
}

/** Those that have, or had, access, by name. */
export async function allPrincipals(
  db: ReadContext,
  args: { readonly nowMs: number },
): Promise<readonly PrincipalView[]> {
  const rows = await principalRows(db);
  const counts = await goodTokens(db, args.nowMs)
    .select(['principal', ({ fn }) => fn.countAll<number>().as('tokens')])
    .groupBy('principal')
    .execute();
  const tokensOf = new Map(counts.map((row) => [row.principal, Number(row.tokens)]));
  return rows.flatMap((row) =>
    row.role === null ? [] : [{ ...row, role: row.role, tokens: tokensOf.get(row.name) ?? 0 }],
  );
}

/** Who can administer now, and until when; null: without an end. Read from tokens alone: older databases have them too. */
export async function administrators(
  db: ReadContext,
  args: { readonly nowMs: number },
): Promise<readonly { readonly name: string; readonly endsMs: number | null }[]> {
  const rows = await goodTokens(db, args.nowMs)
    .select(['principal as name', 'expires_ms as endsMs'])
    .where('role', '=', 'admin')
    // An end that there is not comes last: nulls are sorted unlike by engines.
    .orderBy(({ eb }) => eb.fn.coalesce('expires_ms', eb.val(Number.MAX_SAFE_INTEGER)))
    .execute();
  const last = new Map(rows.map(({ name, endsMs }) => [name, endsMs]));
  return [...last]
    .map(([name, endsMs]) => ({ name, endsMs }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** With its first token. Throws `principal-exists`. */
export async function addPrincipal(
  context: WriteContext,
  args: Order & {
    readonly name: string;
    readonly role: Role;
    readonly secretHash: string;
    readonly expiresMs: number | null;
  },
): Promise<{ readonly principal: PrincipalView; readonly token: TokenTable }> {
  const { name, ...token } = args;
  await makePrincipal(context, args);
  const row = await createToken(context, { ...token, kind: 'access', subject: name });
  return { principal: await viewOf(context, args), token: row };
}

/** PR2: of all its tokens at once. Throws `not-found`, `principal-revoked`, `last-administrator`. */
export async function setPrincipalRole(
  context: WriteContext,
  args: Order & { readonly name: string; readonly role: Role },
): Promise<PrincipalView> {
  const { name, role, nowMs, principal, why } = args;
  const { db } = context;
  const before = await requirePrincipal(db, name);
  await db.updateTable('principals').set({ role }).where('name', '=', name).execute();
  const changed = await db
    .updateTable('tokens')
    .set({ role })
    .where('principal', '=', name)
    .where('kind', '=', 'access')
    .where('role', '!=', role)
    .returning('id')
    .execute();
  if (before.role !== role || changed.length > 0) {
    await requireAdministrator(db, { nowMs, change: `making ${name} ${role}` });
    const detail = { subject: name, from: before.role, to: role };
    await addHistory(context, { nowMs, kind: 'principal-role-set', principal, why, detail });
  }
  return await viewOf(context, args);
}

/** PR3. Again is no error: the first revocation stands. Throws `not-found`, `last-administrator`. */
export async function revokePrincipal(
  context: WriteContext,
  args: Order & { readonly name: string },
): Promise<PrincipalView> {
  const { name, nowMs, principal, why } = args;
  const { db } = context;
  const before = await requireKnown(db, name);
  const set = { revoked_ms: nowMs, revoked_by: principal };
  const ended = await db
    .updateTable('tokens')
    .set(set)
    .where('principal', '=', name)
    .where('kind', '=', 'access')
    .where('revoked_ms', 'is', null)
    .returning('id')
    .execute();
  if (before.revoked_ms === null) {
    await db.updateTable('principals').set(set).where('name', '=', name).execute();
  }
  if (before.revoked_ms === null || ended.length > 0) {
    await requireAdministrator(db, { nowMs, change: `revoking ${name}` });
    const detail = { subject: name, role: before.role, tokens: ended.map(({ id }) => id) };
    await addHistory(context, { nowMs, kind: 'principal-revoked', principal, why, detail });
  }
  return await viewOf(context, args);
}

async function viewOf(
  context: WriteContext,
  of: { readonly name: string; readonly nowMs: number },
): Promise<PrincipalView> {
  const row = await requireKnown(context.db, of.name);
  const good = await goodTokens(context.db, of.nowMs)
    .select('id')
    .where('principal', '=', of.name)
    .execute();
  return { ...row, tokens: good.length };
}
