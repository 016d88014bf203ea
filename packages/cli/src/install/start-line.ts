/* How a service that was installed runs, or is started where systemd does not know it. */
import type { UnitFacts, Users } from '@moult/core/install';
import { isSystemdRunning } from './units.ts';

export function startLine(of: {
  readonly unit: UnitFacts;
  readonly users: Users;
  readonly isStarted: boolean;
  /** What runs it without systemd. */
  readonly command: string;
}): string {
  const { unit, users, command } = of;
  const { systemd, name } = unit;
  if (systemd !== null) {
    const isNew = unit.found !== null && unit.found !== unit.text;
    if (isNew && systemd.isActive)
      return `The unit is new; it holds from the next start: systemctl restart ${name}`;
    return of.isStarted
      ? `It runs as ${name}. Its log: journalctl -u ${name}`
      : `Start it: systemctl start ${name}`;
  }
  if (isSystemdRunning() && users.admin.ids.uid === 0)
    return `Start it, now and at each boot: systemctl enable --now ${quoted(unit.path)}`;
  const { admin, service } = users;
  // Not runuser, which kills what it runs two seconds after a SIGTERM. A user that was made just now has a group of its name.
  const as = `setpriv --reuid ${service.name} --regid ${service.ids?.gid ?? service.name} --init-groups`;
  const line = admin.name === service.name ? command : `${as} ${command}`;
  return `systemd does not run here; ${unit.path} waits for one that does. Until then start it, and keep it running: ${line}`;
}

/** For a shell. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
