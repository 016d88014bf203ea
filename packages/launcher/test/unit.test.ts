import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { layoutOf } from '@moult/core/layout';
import { expect, test } from 'vitest';
import { unitText } from '../src/index.ts';

const PLAIN = { layout: layoutOf(null), root: null, user: 'moult', description: 'Moult agent' };

test('the unit has the settings that hosts in the field cannot be given later', () => {
  const lines = unitText(PLAIN).split('\n');
  for (const line of [
    'ExecStart=/opt/moult/launcher/bin/node /opt/moult/launcher/lib/launcher.cjs first',
    'Type=notify',
    'NotifyAccess=all',
    'Restart=always',
    'SuccessExitStatus=75',
    'StartLimitIntervalSec=0',
    'RestartSec=2',
    'KillMode=mixed',
    'OOMPolicy=continue',
    'WatchdogSec=60',
    'ReadWritePaths=/var/lib/moult /opt/moult/versions',
  ]) {
    expect(lines).toContain(line);
  }
  // It would kill Node's compiler.
  expect(lines.join('\n')).not.toContain('MemoryDenyWriteExecute');
});

test('a root with blanks and percent signs is quoted for systemd', () => {
  const root = '/srv/a b/50%';
  const text = unitText({ ...PLAIN, layout: layoutOf(root), root });
  expect(text).toContain('"/srv/a b/50%%/opt/moult/launcher/bin/node"');
  expect(text).toContain('--root "/srv/a b/50%%"');
});

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

test.skipIf(!hasSystemd)(
  'systemd-analyze finds nothing wrong with the unit (needs systemd-analyze)',
  () => {
    const dir = mkdtempSync(`${tmpdir()}/moult-unit-`);
    const path = `${dir}/moult-agent.service`;
    // Verify looks for the program: a shell stands for the launcher's.
    writeFileSync(
      path,
      unitText({ ...PLAIN, user: 'root' }).replace(/^ExecStart=\S+/m, 'ExecStart=/bin/sh'),
    );
    const { stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    rmSync(dir, { recursive: true });
    expect(stderr.split('\n').filter((line) => line.includes('moult-agent'))).toEqual([]);
  },
);
