import { expect, test } from 'vitest';
import {
  type CoordinatorFacts,
  coordinatorInstallPlan,
  coordinatorInstallRefusal,
  coordinatorUninstallPlan,
  coordinatorUninstallRefusal,
  describeStep,
  type InstallPlan,
  type PathFacts,
} from '../src/install/index.ts';

const CONFIG = '/etc/moult';
const STATE = '/var/lib/moult-coordinator';
const UID = 991;
const NEW = { hasKeys: true, isStarted: true };

function dir(uid: number, mode: number): PathFacts {
  return { kind: 'directory', uid, gid: uid, mode };
}

const EMPTY: CoordinatorFacts = {
  places: { configPath: `${CONFIG}/coordinator.yaml`, configDir: CONFIG, stateDir: STATE },
  root: null,
  users: {
    admin: { name: 'root', ids: { uid: 0, gid: 0 } },
    service: { name: 'moult-coordinator', ids: null },
    hasServiceGroup: false,
  },
  paths: {},
  above: {},
  program: { '/usr/lib/moult/bin/node': { ...dir(0, 0o755), kind: 'file' } },
  unit: {
    name: 'moult-coordinator.service',
    path: '/etc/systemd/system/moult-coordinator.service',
    text: 'new',
    found: null,
    systemd: { isEnabled: false, isActive: false, needsReload: false },
  },
  isMade: false,
  isServing: false,
};
const MADE: CoordinatorFacts = {
  ...EMPTY,
  users: {
    ...EMPTY.users,
    service: { name: 'moult-coordinator', ids: { uid: UID, gid: UID } },
    hasServiceGroup: true,
  },
  paths: { [CONFIG]: dir(0, 0o755), [STATE]: dir(UID, 0o700) },
  unit: {
    ...EMPTY.unit,
    found: 'new',
    systemd: { isEnabled: true, isActive: true, needsReload: false },
  },
  isMade: true,
  isServing: true,
};

function changesOf(plan: InstallPlan): readonly string[] {
  return plan.filter(({ isDone }) => !isDone).map(({ step }) => describeStep(step));
}

test('I11: a new coordinator is made by root, and handed over whole before it starts', () => {
  expect(coordinatorInstallRefusal(EMPTY, NEW)).toBeNull();
  expect(changesOf(coordinatorInstallPlan(EMPTY, NEW))).toEqual([
    'system group moult-coordinator',
    'system user moult-coordinator, without a shell',
    `directory ${CONFIG}, 0755, root's`,
    `directory ${STATE}, 0700, root's`,
    `store, certificates, release repository in ${STATE}, configuration ${CONFIG}/coordinator.yaml`,
    `all that is in ${STATE} is moult-coordinator's`,
    "unit /etc/systemd/system/moult-coordinator.service, 0644, root's",
    'systemctl daemon-reload',
    'systemctl enable moult-coordinator.service',
    'systemctl start moult-coordinator.service',
  ]);
});

test('I2 I11: repeated it needs no keys and changes nothing; what `restore` made as root is handed over', () => {
  const again = { hasKeys: false, isStarted: true };
  expect(coordinatorInstallRefusal(MADE, again)).toBeNull();
  expect(changesOf(coordinatorInstallPlan(MADE, again))).toEqual([]);
  const paths = { ...MADE.paths, [STATE]: dir(0, 0o700) };
  const restored = { ...MADE, paths, isServing: false };
  expect(coordinatorInstallRefusal(restored, again)).toBeNull();
  expect(changesOf(coordinatorInstallPlan(restored, again))).toEqual([
    `all that is in ${STATE} is moult-coordinator's`,
  ]);
  // While it serves, what it writes would stay root's.
  expect(coordinatorInstallRefusal({ ...restored, isServing: true }, again)?.code).toBe(
    'database-locked',
  );
});

test('I6 I11: it is refused without keys, and where its user could not read its program', () => {
  expect(coordinatorInstallRefusal(EMPTY, { ...NEW, hasKeys: false })?.code).toBe('usage');
  const program = { '/root': dir(0, 0o700) };
  expect(coordinatorInstallRefusal({ ...EMPTY, program }, NEW)?.message).toContain('/root');
  const paths = { [STATE]: dir(1001, 0o700) };
  expect(coordinatorInstallRefusal({ ...EMPTY, paths }, NEW)?.code).toBe('directory-foreign');
});

test('I12: uninstalled it keeps what it has, and is refused while something else than its unit runs it', () => {
  expect(coordinatorUninstallRefusal(MADE)).toBeNull();
  const byHand = { ...MADE, unit: { ...MADE.unit, systemd: null } };
  expect(coordinatorUninstallRefusal(byHand)?.code).toBe('database-locked');
  const configFiles = [`${CONFIG}/coordinator.yaml`];
  const kept = changesOf(coordinatorUninstallPlan(MADE, { isPurge: false, configFiles }));
  expect(kept).toEqual([
    'systemctl stop moult-coordinator.service',
    'systemctl disable moult-coordinator.service',
    'remove unit /etc/systemd/system/moult-coordinator.service',
    'systemctl daemon-reload',
  ]);
  const purged = changesOf(coordinatorUninstallPlan(MADE, { isPurge: true, configFiles }));
  expect(purged).toContain(`remove store, keys and releases ${STATE}`);
});
