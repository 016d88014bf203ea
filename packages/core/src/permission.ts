/** What a principal may do. Upgrading is apart from viewing and from operating (R20). */
export type Permission = 'view' | 'operate' | 'upgrade' | 'release' | 'administer';

export const ROLES = ['viewer', 'operator', 'upgrader', 'publisher', 'admin'] as const;

export type Role = (typeof ROLES)[number];

const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: ['view'],
  operator: ['view', 'operate'],
  upgrader: ['view', 'operate', 'upgrade'],
  publisher: ['view', 'release'],
  admin: ['view', 'operate', 'upgrade', 'release', 'administer'],
};

export function mayDo(role: Role, permission: Permission): boolean {
  return PERMISSIONS[role].includes(permission);
}

/** Those that include it, the smallest first. */
export function rolesWith(permission: Permission): readonly Role[] {
  return ROLES.filter((role) => mayDo(role, permission));
}

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}
