import type { Principal, Token } from '@moult/api';
import { describe, expect, it } from 'vitest';
import {
  type FakeCoordinator,
  type Handler,
  problemOf,
  startCoordinator,
} from './support/fake-coordinator.ts';
import { runHere } from './support/run-here.ts';

const PRINCIPAL: Principal = {
  name: 'ada',
  role: 'upgrader',
  tokens: 2,
  createdMs: 1_700_000_000_000,
  createdBy: 'admin',
  why: 'on call',
  revokedMs: null,
  revokedBy: null,
};
const TOKEN: Token = {
  id: '01kq3v8m6t5n9y2x',
  kind: 'access',
  principal: 'ada',
  role: 'upgrader',
  group: null,
  validates: false,
  usesLeft: null,
  expiresMs: null,
  createdMs: 1_700_000_000_000,
  createdBy: 'admin',
  revokedMs: null,
};

const is =
  (value: unknown, status = 200): Handler =>
  () => ({ status, value });

function moult(coordinator: FakeCoordinator, ...args: readonly string[]) {
  return runHere([...args, '--url', coordinator.url, '--token', 'x']);
}

describe('moult principals', () => {
  it('prints the token of a new one alone on standard output', async () => {
    const made = { principal: PRINCIPAL, token: TOKEN, text: 'moult-access-v1.a.b' };
    await using coordinator = await startCoordinator({ 'POST /v1/principals': is(made, 201) });
    const args = ['principals', 'add', 'ada', '--role', 'upgrader', '-m', 'on call'];
    const ended = await moult(coordinator, ...args);
    expect(ended).toMatchObject({ exitCode: 0, out: 'moult-access-v1.a.b\n' });
    expect(ended.err).toMatch(/ada is upgrader.*shown this once/);
    await moult(coordinator, ...args, '--ttl', '1h');
    const body = { name: 'ada', role: 'upgrader', why: 'on call' };
    expect(coordinator.bodies).toEqual([
      { ...body, ttlMs: null },
      { ...body, ttlMs: 3_600_000 },
    ]);
  });

  it('changes a role, revokes, and says what that is now', async () => {
    await using coordinator = await startCoordinator({
      'PUT /v1/principals/ada/role': is(PRINCIPAL),
      'POST /v1/principals/ada/revoke': is({ ...PRINCIPAL, tokens: 0, revokedMs: 1 }),
    });
    const role = await moult(coordinator, 'principals', 'role', 'ada', 'upgrader', '-m', 'a');
    expect(role.out).toBe('ada is upgrader, with 2 access tokens\n');
    const revoked = await moult(coordinator, 'principals', 'revoke', 'ada', '-m', 'b');
    expect(revoked.out).toBe('ada is revoked, with all its access tokens\n');
    expect(coordinator.bodies).toEqual([{ role: 'upgrader', why: 'a' }, { why: 'b' }]);
  });

  it('lists who may do what, and who no longer', async () => {
    const bob = { ...PRINCIPAL, name: 'bob', tokens: 0, revokedMs: 1, revokedBy: 'ada' };
    await using coordinator = await startCoordinator({
      'GET /v1/principals': is({ principals: [PRINCIPAL, bob] }),
    });
    const { out } = await moult(coordinator, 'principals', 'list');
    expect(out).toMatch(/ada +upgrader +good +2 .*admin +on call/);
    expect(out).toMatch(/bob +upgrader +revoked by ada +0 /);
  });

  it.each([
    ['a role that is none', ['role', 'ada', 'root'], 2],
    ['a new one without a role', ['add', 'ada'], 2],
    ['the last administrator', ['revoke', 'ada'], 1],
  ])('refuses %s', async (_what, args, exitCode) => {
    await using coordinator = await startCoordinator({
      'POST /v1/principals/ada/revoke': () => problemOf(412, 'last-administrator', 'nobody left'),
    });
    expect(await moult(coordinator, 'principals', ...args)).toMatchObject({ exitCode, out: '' });
  });
});

describe('moult tokens', () => {
  it('makes another token of a principal, and one with a principal as it did', async () => {
    const made = { token: TOKEN, text: 'moult-access-v1.a.b' };
    await using coordinator = await startCoordinator({ 'POST /v1/tokens': is(made, 201) });
    const create = ['tokens', 'create', '--principal', 'ada'];
    expect((await moult(coordinator, ...create)).out).toBe('moult-access-v1.a.b\n');
    await moult(coordinator, ...create, '--role', 'upgrader');
    const body = { kind: 'access', principal: 'ada', ttlMs: null };
    expect(coordinator.bodies).toEqual([body, { ...body, role: 'upgrader' }]);
    for (const wrong of [
      ['--role', 'viewer'],
      ['--principal', 'ada', '--uses', '2'],
    ]) {
      expect(await moult(coordinator, 'tokens', 'create', ...wrong)).toMatchObject({ exitCode: 2 });
    }
  });
});
