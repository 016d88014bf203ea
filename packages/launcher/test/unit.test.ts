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

test('a system-wide unit has its directory below /run from systemd; a root brings its own', () => {
  const system = unitText(PLAIN);
  expect(system).toContain(
    '\nRuntimeDirectory=moult\nRuntimeDirectoryMode=0750\nRuntimeDirectoryPreserve=yes\n',
  );
  const root = '/srv/web-1';
  const own = unitText({ ...PLAIN, layout: layoutOf(root), root });
  expect(own).not.toContain('RuntimeDirectory');
  expect(own).toContain(
    'ReadWritePaths=/srv/web-1/var/lib/moult /srv/web-1/opt/moult/versions /srv/web-1/run/moult\n',
  );
});

test('what the usual settings hide is left to be seen where the root lies in it', () => {
  const text = (root: string) => unitText({ ...PLAIN, layout: layoutOf(root), root });
  expect(text('/srv/a')).toMatch(/ProtectHome=yes\nPrivateTmp=yes/);
  expect(text('/home/me/a')).toMatch(/ProtectHome=read-only\nPrivateTmp=yes/);
  expect(text('/tmp/a')).toMatch(/ProtectHome=yes\nPrivateTmp=no/);
});

test('a root with blanks, dollar and percent signs is quoted for systemd', () => {
  const root = '/srv/a b/50%$x';
  const text = unitText({ ...PLAIN, layout: layoutOf(root), root });
  expect(text).toContain('"/srv/a b/50%%$$x/opt/moult/launcher/bin/node"');
  expect(text).toContain('--root "/srv/a b/50%%$$x"');
  // Only command lines know variables.
  expect(text).toContain('"/srv/a b/50%%$x/var/lib/moult"');
});

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
/** The aim of docs/installing.md; 0 is best. */
const EXPOSURE_MAX = 2;

test.skipIf(!hasSystemd)(
  'systemd-analyze finds nothing wrong with the unit, and rates what it gives away below 2.0 (needs systemd-analyze)',
  () => {
    const dir = mkdtempSync(`${tmpdir()}/moult-unit-`);
    const path = `${dir}/moult-agent.service`;
    // Verify looks for the program: a shell stands for the launcher's.
    writeFileSync(path, unitText(PLAIN).replace(/^ExecStart=\S+/m, 'ExecStart=/bin/sh'));
    const verified = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    const rated = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', `--threshold=${EXPOSURE_MAX * 10}`, '--no-pager', path],
      { encoding: 'utf8' },
    );
    rmSync(dir, { recursive: true });
    expect(verified.stderr.split('\n').filter((line) => line.includes('moult-agent'))).toEqual([]);
    const level = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(rated.stdout)?.[1]);
    expect(level).toBeLessThanOrEqual(EXPOSURE_MAX);
    expect(rated.status).toBe(0);
  },
);
