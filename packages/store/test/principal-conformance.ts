/* Principals: one role for all their tokens, ended at once, and never without an administrator. */
import type { Role } from '@moult/core/permission';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { NOW, order } from './support/rows.ts';

export function principalConformance(engine: Engine): void {
  describe(`principals on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await add(store, 'ann', 'admin');
    });
    afterEach(() => dispose());

    changing(() => store);
    administrating(() => store);
    naming(() => store);
  });
}

function changing(opened: () => Store): void {
  test('PR2: a role is of all tokens of a principal at once, and of those to come', async () => {
    const store = opened();
    await add(store, 'bob', 'operator');
    await token(store, 'bob');
    await setRole(store, 'bob', 'upgrader');
    await token(store, 'bob');
    expect(await rolesOf(store, 'bob')).toEqual(['upgrader', 'upgrader', 'upgrader']);
    expect(await rolesOf(store, 'ann')).toEqual(['admin']);
    expect(await principals(store)).toMatchObject([
      { name: 'ann', role: 'admin', tokens: 1 },
      { name: 'bob', role: 'upgrader', tokens: 3 },
    ]);
  });

  test('PR3: revoking ends every token; it gets no other, and no role, until it is brought back', async () => {
    const store = opened();
    await add(store, 'bob', 'operator');
    await token(store, 'bob');
    const revoked = await revoke(store, 'bob');
    expect(revoked).toMatchObject({ tokens: 0, revoked_ms: NOW, revoked_by: 'ann' });
    expect(await revoke(store, 'bob')).toEqual(revoked);
    await expect(token(store, 'bob')).rejects.toMatchObject({ code: 'principal-revoked' });
    await expect(setRole(store, 'bob', 'viewer')).rejects.toMatchObject({
      code: 'principal-revoked',
    });
    expect(await add(store, 'bob', 'viewer')).toMatchObject({
      principal: { role: 'viewer', tokens: 1, revoked_ms: null, created_ms: NOW },
    });
    expect(await rolesOf(store, 'bob')).toEqual(['viewer']);
  });

  test('PR6: each change is in history with who and why, and what changes nothing is not', async () => {
    const store = opened();
    await add(store, 'bob', 'operator');
    await setRole(store, 'bob', 'upgrader');
    await setRole(store, 'bob', 'upgrader');
    await revoke(store, 'bob');
    await revoke(store, 'bob');
    const page = { agent: null, before: null, after: null, limit: 100 };
    const entries = (await store.read('historyPage', page))
      .toReversed()
      .map((row) => ({ ...row, detail: JSON.parse(row.detail) }));
    expect(entries.filter(({ detail }) => detail.subject === 'bob')).toMatchObject([
      { kind: 'principal-added', principal: 'ann', why: 'because', detail: { role: 'operator' } },
      { kind: 'token-created', principal: 'ann', why: 'because', detail: { role: 'operator' } },
      { kind: 'principal-role-set', why: 'because', detail: { from: 'operator', to: 'upgrader' } },
      { kind: 'principal-revoked', principal: 'ann', why: 'because' },
    ]);
  });
}

function administrating(opened: () => Store): void {
  test('PR4: the last administrator is neither revoked nor demoted, nor loses the last token', async () => {
    const store = opened();
    const [only] = await store.read('allTokens', null);
    const refused = { code: 'last-administrator' };
    const tries = () => [
      revoke(store, 'ann'),
      setRole(store, 'ann', 'upgrader'),
      store.write('revokeToken', { ...order, id: only?.id ?? '' }),
    ];
    for (const tried of tries()) await expect(tried).rejects.toMatchObject(refused);
    // Its token is over: it administers nothing.
    await add(store, 'old', 'admin', NOW);
    for (const tried of tries()) await expect(tried).rejects.toMatchObject(refused);
    expect(await rolesOf(store, 'ann')).toEqual(['admin']);
    await add(store, 'bob', 'admin', NOW + 2);
    await token(store, 'bob');
    expect(await store.read('administrators', { nowMs: NOW })).toEqual([
      { name: 'ann', endsMs: null },
      { name: 'bob', endsMs: null },
    ]);
    await setRole(store, 'ann', 'viewer');
    await expect(revoke(store, 'bob')).rejects.toMatchObject(refused);
  });

  test('PR4: of two administrators who revoke each other at once one stays', async () => {
    const store = opened();
    await add(store, 'bob', 'admin');
    const ends = await Promise.allSettled([revoke(store, 'ann'), revoke(store, 'bob')]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await principals(store)).filter(({ tokens }) => tokens > 0)).toHaveLength(1);
  });
}

function naming(opened: () => Store): void {
  test('PR5: a name is one principal, also in other letters, and none of the coordinator’s own', async () => {
    const store = opened();
    for (const name of ['ann', 'Ann', 'coordinator', 'Init', 'restore', 'nobody']) {
      await expect(add(store, name, 'viewer'), name).rejects.toMatchObject({
        code: 'principal-exists',
      });
    }
    await add(store, 'bob', 'viewer');
    await revoke(store, 'bob');
    await expect(add(store, 'Bob', 'viewer')).rejects.toMatchObject({ code: 'principal-exists' });
  });

  test('PR5: a token is of a principal, which a role makes, and has no other role', async () => {
    const store = opened();
    await expect(token(store, 'eve')).rejects.toMatchObject({ code: 'not-found' });
    await token(store, 'eve', 'viewer');
    await token(store, 'eve', 'viewer');
    await expect(token(store, 'eve', 'admin')).rejects.toMatchObject({ code: 'principal-exists' });
    expect(await rolesOf(store, 'eve')).toEqual(['viewer', 'viewer']);
    await expect(setRole(store, 'nobody', 'admin')).rejects.toMatchObject({ code: 'not-found' });
    await expect(revoke(store, 'nobody')).rejects.toMatchObject({ code: 'not-found' });
  });
}

function add(store: Store, name: string, role: Role, expiresMs: number | null = null) {
  return store.write('addPrincipal', { ...order, name, role, secretHash: 'hash', expiresMs });
}

function setRole(store: Store, name: string, role: Role) {
  return store.write('setPrincipalRole', { ...order, name, role });
}

function revoke(store: Store, name: string) {
  return store.write('revokePrincipal', { ...order, name });
}

function token(store: Store, subject: string, role: Role | null = null) {
  const access = { kind: 'access', subject, role, secretHash: 'hash', expiresMs: null } as const;
  return store.write('createToken', { ...order, ...access });
}

function principals(store: Store) {
  return store.read('allPrincipals', { nowMs: NOW });
}

/** Of its tokens that are not revoked. */
async function rolesOf(store: Store, name: string) {
  const tokens = await store.read('allTokens', null);
  return tokens.flatMap(({ principal, role, revoked_ms }) =>
    principal === name && revoked_ms === null ? [role] : [],
  );
}
