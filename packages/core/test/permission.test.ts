import { describe, expect, test } from 'vitest';
import { isRole, mayDo, type Permission, ROLES, rolesWith } from '../src/permission.ts';

const PERMISSIONS: readonly Permission[] = ['view', 'operate', 'upgrade', 'release', 'administer'];

describe('roles (R20: upgrading is apart from viewing and from operating)', () => {
  test.each([
    ['viewer', 'view'],
    ['operator', 'view operate'],
    ['upgrader', 'view operate upgrade'],
    ['publisher', 'view release'],
    ['admin', 'view operate upgrade release administer'],
  ] as const)('%s may %s', (role, allowed) => {
    expect(PERMISSIONS.filter((one) => mayDo(role, one)).join(' ')).toBe(allowed);
  });

  test.each([
    ['view', 'viewer operator upgrader publisher admin'],
    ['operate', 'operator upgrader admin'],
    ['upgrade', 'upgrader admin'],
    ['release', 'publisher admin'],
    ['administer', 'admin'],
  ] as const)('PR1: who may %s: %s', (permission, roles) => {
    expect(rolesWith(permission).join(' ')).toBe(roles);
  });

  test('are a closed list', () => {
    expect(ROLES.every(isRole)).toBe(true);
    expect(isRole('root')).toBe(false);
  });
});
