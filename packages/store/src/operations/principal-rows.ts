/* What orders about principals and about their tokens share. */
import { CodedError } from '@moult/core/errors';
import type { Role } from '@moult/core/permission';
import type { SelectQueryBuilder } from 'kysely';
import type { Database } from '../database.ts';
import { COORDINATOR, type Order, type ReadContext, type WriteContext } from './context.ts';
import { addHistory } from './history.ts';

export interface PrincipalRow {
  readonly name: string;
  /** Null: known from history alone; nobody has, or had, a token of that name. */
  readonly role: Role | null;
  readonly created_ms: number;
  readonly created_by: string;
  readonly why: string;
  readonly revoked_ms: number | null;
  readonly revoked_by: string | null;
}

/** Who acts without a token, as history names them. */
const RESERVED: readonly string[] = [COORDINATOR, 'init', 'restore', 'nobody'];

/** By name; of those alone that are `name` but for capitals, where it is given. */
export async function principalRows(
  db: ReadContext,
  name: string | null = null,
): Promise<readonly PrincipalRow[]> {
  const all = db
    .selectFrom('principals')
    .select(['name', 'created_ms', 'created_by', 'why', 'revoked_ms', 'revoked_by'])
    .select(({ fn, selectFrom }) =>
      fn
        .coalesce(
          'principals.role',
          // Made by a program before schema 11, where only tokens had roles: the greatest, so that no list makes it smaller.
          selectFrom('tokens')
            .select('tokens.role')
            .where('kind', '=', 'access')
            .whereRef('tokens.principal', '=', 'principals.name')
            .orderBy(({ eb }) => eb.case().when('revoked_ms', 'is', null).then(0).else(1).end())
            .orderBy(({ eb }) =>
              eb
                .case('tokens.role')
                .when('admin')
                .then(0)
                .when('upgrader')
                .then(1)
                .when('publisher')
                .then(2)
                .when('operator')
                .then(3)
                .else(4)
                .end(),
            )
            .limit(1),
        )
        .as('role'),
    )
    .orderBy('name');
  if (name === null) return await all.execute();
  return await all
    .where(({ eb, fn }) => eb(fn<string>('lower', ['name']), '=', name.toLowerCase()))
    .execute();
}

/** Null: nobody has, or had, access by that name. */
export async function principalNamed(
  db: ReadContext,
  name: string,
): Promise<(PrincipalRow & { readonly role: Role }) | null> {
  const row = (await principalRows(db, name)).find((one) => one.name === name);
  return row === undefined || row.role === null ? null : { ...row, role: row.role };
}

/** Throws `not-found`, `principal-revoked`. */
export async function requirePrincipal(
  db: ReadContext,
  name: string,
): Promise<PrincipalRow & { readonly role: Role }> {
  const row = await requireKnown(db, name);
  if (row.revoked_ms === null) return row;
  throw new CodedError('principal-revoked', `${name} was revoked by ${row.revoked_by ?? '?'}`);
}

/** Revoked or not. Throws `not-found`. */
export async function requireKnown(
  db: ReadContext,
  name: string,
): Promise<PrincipalRow & { readonly role: Role }> {
  const row = await principalNamed(db, name);
  if (row !== null) return row;
  throw new CodedError('not-found', `there is no principal ${name}`, {
    remedy: 'See them: `moult principals list`; make one: `moult principals add NAME --role ROLE`.',
  });
}

/** New, or back with the same name after it was revoked. Throws `principal-exists`. */
export async function makePrincipal(
  context: WriteContext,
  args: Order & { readonly name: string; readonly role: Role },
): Promise<void> {
  const { name, role, nowMs, principal, why } = args;
  if (RESERVED.includes(name.toLowerCase())) {
    throw new CodedError(
      'principal-exists',
      `${name} is what history calls the coordinator itself`,
    );
  }
  // PR5: two names that people take for one would be two where a second person is asked for.
  const alike = await principalRows(context.db, name);
  for (const row of alike) {
    if (row.name === name && (row.role === null || row.revoked_ms !== null)) continue;
    throw new CodedError(
      'principal-exists',
      row.name === name
        ? `${name} exists already, as ${row.role ?? '?'}`
        : `${name} would be taken for ${row.name}, who exists already`,
    );
  }
  const set = { role, why, revoked_ms: null, revoked_by: null };
  await context.db
    .insertInto('principals')
    .values({ name, created_ms: nowMs, created_by: principal, ...set })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(set))
    .execute();
  const isBack = alike.some((row) => row.revoked_ms !== null);
  const detail = { subject: name, role, isBack };
  await addHistory(context, { nowMs, kind: 'principal-added', principal, why, detail });
}

/** PR4. To be asked after the change, which a throw takes back with it. Throws `last-administrator`. */
export async function requireAdministrator(
  db: ReadContext,
  of: { readonly nowMs: number; readonly change: string },
): Promise<void> {
  const one = await goodTokens(db, of.nowMs)
    .select('id')
    .where('role', '=', 'admin')
    .limit(1)
    .execute();
  if (one.length > 0) return;
  throw new CodedError(
    'last-administrator',
    `after ${of.change} no valid token would be left with the role admin`,
  );
}

/** Access tokens that let somebody in. */
export function goodTokens(
  db: ReadContext,
  nowMs: number,
): SelectQueryBuilder<Database, 'tokens', object> {
  return db
    .selectFrom('tokens')
    .where('kind', '=', 'access')
    .where('revoked_ms', 'is', null)
    .where(({ eb, or }) => or([eb('expires_ms', 'is', null), eb('expires_ms', '>', nowMs)]));
}
