import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { coordinatorUnitText } from '../src/index.ts';

const PLAIN = {
  program: ['/usr/lib/moult/bin/node', '/usr/lib/moult/lib/moult.cjs'],
  root: null,
  stateDir: '/var/lib/moult-coordinator',
  configDir: '/etc/moult',
  user: 'moult-coordinator',
  description: 'Moult coordinator',
};

test('the unit serves as a user of its own, which can write its state and nothing else', () => {
  const lines = coordinatorUnitText(PLAIN).split('\n');
  for (const line of [
    'ExecStart=/usr/lib/moult/bin/node /usr/lib/moult/lib/moult.cjs coordinator serve',
    'User=moult-coordinator',
    'Restart=always',
    'ReadWritePaths=/var/lib/moult-coordinator',
    'ProtectSystem=strict',
    'CapabilityBoundingSet=',
  ]) {
    expect(lines).toContain(line);
  }
  expect(lines.join('\n')).not.toContain('MemoryDenyWriteExecute');
  const root = '/srv/a b';
  expect(coordinatorUnitText({ ...PLAIN, root })).toContain('coordinator serve --root "/srv/a b"');
});

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
/** The aim of docs/installing.md; 0 is best. */
const EXPOSURE_MAX = 1.5;

test.skipIf(!hasSystemd)(
  'systemd-analyze finds nothing wrong with the unit, and rates what it gives away at 1.5 or less (needs systemd-analyze)',
  () => {
    const dir = mkdtempSync(`${tmpdir()}/moult-unit-`);
    const path = `${dir}/moult-coordinator.service`;
    // Verify looks for the program: a shell stands for it.
    writeFileSync(path, coordinatorUnitText(PLAIN).replace(/^ExecStart=\S+/m, 'ExecStart=/bin/sh'));
    const verified = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    const rated = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', path], {
      encoding: 'utf8',
    });
    rmSync(dir, { recursive: true });
    expect(verified.stderr.split('\n').filter((line) => line.includes('moult-c'))).toEqual([]);
    const level = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(rated.stdout)?.[1]);
    expect(level).toBeLessThanOrEqual(EXPOSURE_MAX);
  },
);
