import { describe, expect, test } from 'vitest';
import { encodeBootRecord, firstRecord, readBootRecord } from '../src/boot/index.ts';
import {
  type AgentInstallFacts,
  type AgentInstallWish,
  agentInstallPlan,
  agentInstallRefusal,
  agentUninstallPlan,
  agentUninstallRefusal,
  agentUnitName,
  describeStep,
  type ImageFacts,
  type InstallPlan,
  imagePlan,
  imageRefusal,
  markText,
  type PathFacts,
  readMark,
  versionsBefore,
} from '../src/install/index.ts';
import { layoutOf } from '../src/layout.ts';

const ROOT = { name: 'root', ids: { uid: 0, gid: 0 } };
const MOULT = { name: 'moult', ids: { uid: 990, gid: 990 } };
const layout = layoutOf(null);
const WISH: AgentInstallWish = {
  coordinator: 'https://c:7400',
  name: null,
  hasToken: true,
  isStarted: true,
  hostName: 'web-1',
};
const REPEATED: AgentInstallWish = { ...WISH, coordinator: null, hasToken: false };
const IDLE = { boot: { kind: 'absent' }, upgradeKind: 'idle', databaseTrouble: null } as const;
const SLOT = { version: '1.0.0', digest: 'a'.repeat(64), dir: `1.0.0-${'a'.repeat(8)}` };

function dir(uid: number, mode: number): PathFacts {
  return { kind: 'directory', uid, gid: uid, mode };
}

function unit(name: string, found: string | null, isActive = false): ImageFacts['unit'] {
  const systemd = { isEnabled: isActive, isActive, needsReload: false };
  return { name, path: `/etc/systemd/system/${name}`, text: 'new', found, systemd };
}

const EMPTY: ImageFacts & AgentInstallFacts = {
  layout,
  root: null,
  users: { admin: ROOT, service: { name: 'moult', ids: null }, hasServiceGroup: false },
  paths: {},
  above: { '/': dir(0, 0o755), '/var': dir(0, 0o755) },
  marks: [layout.configDir, layout.prefixDir, layout.stateDir].map((path) => ({
    path,
    of: null,
    isSamePlace: false,
  })),
  neighbours: [],
  upgrade: IDLE,
  unit: unit('moult-agent.service', null),
  enrollUnit: unit('moult-enroll.service', null),
  runningPid: null,
  identity: { coordinator: null, name: null, instance: null },
  hasVersions: false,
  isSameCoordinator: null,
  stateNames: [],
};

const INSTALLED: ImageFacts & AgentInstallFacts = {
  ...EMPTY,
  users: { admin: ROOT, service: MOULT, hasServiceGroup: true },
  paths: {
    [layout.configDir]: dir(0, 0o755),
    [layout.prefixDir]: dir(0, 0o755),
    [`${layout.prefixDir}/versions`]: dir(990, 0o755),
    [layout.stateDir]: dir(990, 0o710),
    [layout.compileCacheDir]: dir(990, 0o700),
  },
  marks: EMPTY.marks.map(({ path }) => ({ path, of: { root: null }, isSamePlace: true })),
  unit: unit('moult-agent.service', 'new', true),
  identity: { coordinator: 'https://c:7400', name: 'web-1', instance: 'i1' },
  hasVersions: true,
};
const STOPPED = { ...INSTALLED, unit: unit('moult-agent.service', 'new') };

function told(plan: InstallPlan): readonly string[] {
  return plan.map(({ step, isDone }) => `${isDone ? '=' : '+'} ${describeStep(step)}`);
}

function changesOf(plan: InstallPlan): readonly string[] {
  return told(plan).filter((line) => line.startsWith('+'));
}

describe('installing an agent', () => {
  test('I3: on an empty host root works in what is its own, and hands it over before anything is started', () => {
    expect(agentInstallRefusal(EMPTY, WISH)).toBeNull();
    expect(told(agentInstallPlan(EMPTY, WISH))).toEqual([
      '+ system group moult',
      '+ system user moult, without a shell',
      "+ directory /etc/moult, 0755, root's",
      "+ directory /opt/moult, 0755, root's",
      "+ directory /opt/moult/versions, 0755, root's",
      "+ directory /var/lib/moult, 0700, root's",
      "+ mark /etc/moult/instance.json, 0644, root's",
      "+ mark /opt/moult/instance.json, 0644, root's",
      "+ mark /var/lib/moult/instance.json, 0644, root's",
      '+ enrollment as web-1 with https://c:7400',
      '+ first launcher, launcher and agent in /opt/moult',
      "+ all that is in /opt/moult/versions is moult's",
      "+ all that is in /var/lib/moult is moult's",
      "+ unit /etc/systemd/system/moult-agent.service, 0644, root's",
      '+ systemctl daemon-reload',
      '+ systemctl enable moult-agent.service',
      '+ systemctl start moult-agent.service',
    ]);
  });

  test('I2 I7: over a whole one it needs neither coordinator nor token, and changes nothing', () => {
    expect(agentInstallRefusal(INSTALLED, REPEATED)).toBeNull();
    expect(changesOf(agentInstallPlan(INSTALLED, REPEATED))).toEqual([]);
  });

  test('I8: over one with an older unit it changes the unit, and restarts nothing', () => {
    const facts = { ...INSTALLED, unit: unit('moult-agent.service', 'old', true) };
    expect(changesOf(agentInstallPlan(facts, REPEATED))).toEqual([
      "+ unit /etc/systemd/system/moult-agent.service, 0644, root's",
      '+ systemctl daemon-reload',
    ]);
  });

  test('I2 I3: goes on where it was interrupted before the directories were handed over', () => {
    const paths = {
      ...INSTALLED.paths,
      [layout.stateDir]: dir(0, 0o700),
      [`${layout.prefixDir}/versions`]: dir(0, 0o755),
    };
    expect(changesOf(agentInstallPlan({ ...STOPPED, paths }, REPEATED))).toEqual([
      "+ all that is in /opt/moult/versions is moult's",
      "+ all that is in /var/lib/moult is moult's",
      '+ systemctl enable moult-agent.service',
      '+ systemctl start moult-agent.service',
    ]);
  });

  test('I3: takes a state that it has to write to from its user first, and gives it back', () => {
    const facts = { ...STOPPED, identity: { ...INSTALLED.identity, instance: null } };
    const plan = changesOf(agentInstallPlan(facts, WISH));
    expect(plan).toContain("+ directory /var/lib/moult, 0700, root's");
    expect(plan).toContain("+ all that is in /var/lib/moult is moult's");
  });

  test('I3 I8: enrolls a copy whose launcher runs already, and tries in vain, without leaving it a key of root', () => {
    const identity = { ...INSTALLED.identity, instance: null };
    const facts = { ...INSTALLED, identity, runningPid: 4711 };
    expect(agentInstallRefusal(facts, WISH)).toBeNull();
    const plan = changesOf(agentInstallPlan(facts, WISH));
    expect(plan).toContain("+ directory /var/lib/moult, 0700, root's");
    expect(plan).toContain("+ all that is in /var/lib/moult is moult's");
    // One that serves is not robbed of its state.
    expect(
      agentInstallRefusal({ ...INSTALLED, hasVersions: false, runningPid: 4711 }, WISH)?.code,
    ).toBe('agent-runs');
  });

  test('I7: brings back what ran here where the programs alone are gone, without a token', () => {
    const record = firstRecord(SLOT);
    const launcher = { ...record.components.launcher, committed: SLOT };
    const whole = { ...record, components: { ...record.components, launcher } };
    const gone = { ...STOPPED, hasVersions: false };
    const facts = { ...gone, upgrade: { ...IDLE, boot: { kind: 'read', record: whole } as const } };
    expect(agentInstallRefusal(facts, REPEATED)).toBeNull();
    const plan = told(agentInstallPlan(facts, REPEATED));
    expect(plan).toContain('= enrollment as web-1 with https://c:7400');
    expect(plan).toContain("+ all that is in /opt/moult/versions is moult's");
    expect(versionsBefore(facts.upgrade.boot)).toEqual([
      { component: 'agent', version: '1.0.0' },
      { component: 'launcher', version: '1.0.0' },
    ]);
    // Half of the answer is none.
    const half = { ...gone, upgrade: { ...IDLE, boot: { kind: 'read', record } as const } };
    expect(agentInstallRefusal(half, REPEATED)?.code).toBe('usage');
    expect(changesOf(agentInstallPlan(half, WISH))).toContain(
      '+ enrollment as web-1 with https://c:7400',
    );
  });

  test('I3 I13: who installs for himself hands nothing over', () => {
    const me = { name: 'me', ids: { uid: 1000, gid: 1000 } };
    const mine = layoutOf('/srv/a');
    const users = { admin: me, service: me, hasServiceGroup: true };
    const place = { ...EMPTY.unit, systemd: null };
    const facts = { ...EMPTY, layout: mine, root: '/srv/a', users, unit: place };
    const plan = told(agentInstallPlan(facts, WISH));
    expect(plan.filter((line) => line.includes('all that is in'))).toEqual([]);
    expect(plan.filter((line) => line.includes('systemctl'))).toEqual([]);
    expect(plan).toContain("+ directory /srv/a/run/moult, 0750, me's");
  });
});

describe('installing is refused', () => {
  function code(facts: Partial<AgentInstallFacts>, wish: AgentInstallWish = REPEATED) {
    return agentInstallRefusal({ ...INSTALLED, ...facts }, wish)?.code ?? null;
  }

  test('I4: in the middle of an upgrade, and where nobody can say that there is none', () => {
    const record = firstRecord(SLOT);
    const trial = {
      ...{ slot: SLOT, attemptId: 'c/1', tries: 1, rebootTries: 0, bootId: null },
      watchedLeftMs: 1,
    };
    for (const component of ['agent', 'launcher'] as const) {
      const components = {
        ...record.components,
        [component]: { ...record.components[component], trial },
      };
      const boot = readBootRecord(encodeBootRecord({ ...record, components }));
      const refusal = agentInstallRefusal({ ...INSTALLED, upgrade: { ...IDLE, boot } }, REPEATED);
      expect(refusal?.code).toBe('install-mid-upgrade');
      expect(refusal?.message).toContain(`${component} 1.0.0 is on trial`);
    }
    for (const upgradeKind of ['preflight', 'staged', 'probation', 'reporting', 'of-later']) {
      expect(code({ upgrade: { ...IDLE, upgradeKind } })).toBe('install-mid-upgrade');
    }
    expect(code({ upgrade: { ...IDLE, databaseTrouble: 'disk I/O error' } })).toBe(
      'install-mid-upgrade',
    );
    expect(code({ upgrade: { ...IDLE, boot: { kind: 'unreadable', why: 'no' } } })).toBe(
      'install-mid-upgrade',
    );
  });

  test('I5: over directories of another instance, which its mark, a unit, or agent.yaml shows', () => {
    const [first, ...others] = INSTALLED.marks;
    const of = { root: '/srv/other' };
    const mark = { path: first?.path ?? '', of, isSamePlace: true };
    expect(code({ marks: [mark, ...others] })).toBe('directories-shared');
    // One that was moved here from there is nobody else's.
    expect(code({ marks: [{ ...mark, isSamePlace: false }, ...others] })).toBeNull();
    const neighbours = [{ unit: '/etc/systemd/system/moult-agent-2.service', path: '/x' }];
    expect(code({ neighbours })).toBe('directories-shared');
    expect(code({}, { ...REPEATED, name: 'web-2' })).toBe('directories-shared');
    expect(code({}, { ...REPEATED, name: 'web-1' })).toBeNull();
    expect(code({ isSameCoordinator: false })).toBe('enrolled-elsewhere');
  });

  test('I6: over directories of somebody else', () => {
    const paths = { ...INSTALLED.paths, [layout.stateDir]: dir(1001, 0o700) };
    expect(code({ paths })).toBe('directory-foreign');
    const config = { ...INSTALLED.paths, [layout.configDir]: dir(990, 0o755) };
    expect(code({ paths: config })).toBe('directory-foreign');
    const file = { ...dir(0, 0o644), kind: 'file' } as const;
    expect(code({ paths: { [layout.prefixDir]: file } })).toBe('directory-foreign');
  });

  test('I6: where the user of the service could not get at its files', () => {
    const refusal = agentInstallRefusal(
      { ...INSTALLED, above: { '/': dir(0, 0o755), '/var': dir(0, 0o700) } },
      REPEATED,
    );
    expect(refusal?.code).toBe('directory-closed');
    expect(refusal?.remedy).toContain('chmod o+x /var');
  });

  test('I7: without what enrollment needs, before anything is done', () => {
    const enrolling = { ...INSTALLED.identity, instance: null, coordinator: null };
    expect(code({ identity: enrolling })).toBe('usage');
    expect(code({ identity: enrolling }, { ...WISH, hasToken: false })).toBe('usage');
    expect(code({ identity: enrolling }, WISH)).toBeNull();
    // A copy of a golden image has its coordinator's address.
    const copied = { ...enrolling, coordinator: 'https://c:7400' };
    expect(code({ identity: copied }, { ...REPEATED, hasToken: true })).toBeNull();
  });
});

describe('uninstalling an agent', () => {
  const wish = { isPurge: false, isForced: false };

  test('I9: keeps configuration and state, and what says which versions were there', () => {
    const plan = changesOf(agentUninstallPlan(INSTALLED, wish));
    expect(plan).toEqual([
      '+ systemctl stop moult-agent.service',
      '+ systemctl disable moult-agent.service',
      '+ remove unit /etc/systemd/system/moult-agent.service',
      '+ systemctl daemon-reload',
      '+ remove launcher and versions /opt/moult',
      "+ directory /var/lib/moult, 0700, root's",
      '+ remove compile cache /var/lib/moult/compile-cache',
      "+ directory /var/lib/moult, 0700, moult's",
    ]);
  });

  test('I2: repeated it changes nothing', () => {
    const facts = {
      ...EMPTY,
      users: INSTALLED.users,
      paths: { [layout.stateDir]: dir(990, 0o710), [layout.configDir]: dir(0, 0o755) },
    };
    expect(changesOf(agentUninstallPlan(facts, wish))).toEqual([]);
  });

  test('I9: purged, everything goes that is the agent’s, and nothing that lies beside it', () => {
    const plan = told(agentUninstallPlan(INSTALLED, { ...wish, isPurge: true }));
    expect(plan).toContain('+ remove state and identity /var/lib/moult');
    expect(plan).toContain('+ remove /etc/moult if it is empty');
    expect(plan.filter((line) => line.includes('ca.pem'))).toHaveLength(1);
    const coordinator = { '/etc/moult/coordinator.yaml': dir(0, 0o644) };
    const beside = { ...INSTALLED, paths: { ...INSTALLED.paths, ...coordinator } };
    const left = told(agentUninstallPlan(beside, { ...wish, isPurge: true })).join('\n');
    expect(left).not.toMatch(/ca\.pem|coordinator\.yaml/);
  });

  test('I4 I9: is refused in the middle of an upgrade unless it is forced, and while something else runs it', () => {
    const upgrade = { ...IDLE, upgradeKind: 'switching' };
    const refusal = agentUninstallRefusal({ ...INSTALLED, upgrade }, wish);
    expect(refusal?.code).toBe('install-mid-upgrade');
    expect(refusal?.remedy).toContain('--force');
    expect(
      agentUninstallRefusal({ ...INSTALLED, upgrade }, { ...wish, isForced: true }),
    ).toBeNull();
    const byHand = { ...STOPPED, runningPid: 4711 };
    expect(agentUninstallRefusal(byHand, wish)?.code).toBe('agent-runs');
    // Its own unit is stopped first.
    expect(agentUninstallRefusal({ ...INSTALLED, runningPid: 4711 }, wish)).toBeNull();
  });
});

describe('preparing an image', () => {
  const stateNames = [
    'agent.db',
    'agent.db-wal',
    'boot.json',
    'identity.key',
    'instance.json',
    'trust',
  ];

  test('I10: takes away what makes this host itself, and leaves what copies begin with', () => {
    const plan = changesOf(imagePlan({ ...STOPPED, stateNames }, { token: ' t \n' }));
    const removed = plan.filter((line) => line.startsWith('+ remove state '));
    expect(removed.map((line) => line.split('/').at(-1))).toEqual([
      'agent.db',
      'agent.db-wal',
      'boot.json',
      'identity.key',
    ]);
    expect(plan).toContain('+ name and instance out of /etc/moult/agent.yaml');
    expect(plan).toContain("+ enrollment token /etc/moult/enrollment.token, 0600, root's");
    expect(plan).toContain('+ systemctl enable moult-enroll.service');
    expect(plan).not.toContain('+ systemctl start moult-enroll.service');
  });

  test('I4 I10: is refused while the agent runs, in the middle of an upgrade, and where there is nothing to copy', () => {
    expect(imageRefusal(STOPPED)).toBeNull();
    expect(imageRefusal({ ...INSTALLED, runningPid: 4711 })?.remedy).toContain('systemctl stop');
    expect(imageRefusal({ ...STOPPED, upgrade: { ...IDLE, upgradeKind: 'staged' } })?.code).toBe(
      'install-mid-upgrade',
    );
    expect(imageRefusal(EMPTY)?.code).toBe('not-enrolled');
  });
});

test('I13: each root has a unit of its own, whose name needs no quoting', () => {
  expect(agentUnitName(null, '')).toBe('moult-agent.service');
  expect(agentUnitName('/srv/web 1%', '3f2a9c01ff')).toBe('moult-agent-web-1--3f2a9c01.service');
});

test('I5: a mark is read as it was written, and anything else is none', () => {
  for (const root of [null, '/srv/web-1']) expect(readMark(markText(root))).toEqual({ root });
  for (const text of [null, '', 'x', '[]', '{"root":1}', 'null']) {
    expect(readMark(text)).toBeNull();
  }
});
