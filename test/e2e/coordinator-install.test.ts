/* The coordinator installed as a service, below a root, by the bundled `moult`: as root for the user nobody. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@moult/api/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleMoult, programIn } from '../../scripts/fleet/bundled-moult.ts';
import { freePort } from '../../scripts/fleet/free-port.ts';
import { madeOnce } from '../../scripts/fleet/made-once.ts';
import { useMoult } from '../../scripts/fleet/moult.ts';
import { startProgram } from '../../scripts/fleet/program.ts';
import {
  accessOf,
  moultHere,
  openDirectory,
  removeDirectory,
  usersOf,
} from '../support/installed-host.ts';
import { PREPARE_MS } from '../support/real-fleet.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

let dir: string;

beforeAll(async () => {
  useMoult(programIn((await madeOnce('moult', bundleMoult)).dir));
  dir = await openDirectory();
}, PREPARE_MS);

afterAll(async () => {
  await removeDirectory(dir);
});

describe.skipIf(!isRoot)('as root, for a user of its own (needs root)', () => {
  test('H19: (I11 I12) a coordinator is a service in one command too, as a user that alone can read its keys', async () => {
    const root = join(dir, 'coordinator');
    const keys = join(dir, 'keys');
    expect(await moultHere(['keys', 'init', '--dir', keys])).toMatchObject({ code: 0 });
    const install = ['coordinator', 'install', '--root', root, '--user', 'nobody'];
    const without = await moultHere(install);
    expect(without.code).toBe(2);
    expect(without.stderr).toContain('next: Make keys with');

    const address = `127.0.0.1:${await freePort()}`;
    const args = [...install, '--keys', keys, '--listen', address];
    const dry = await moultHere([...args, '--dry-run']);
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(root)).toBe(false);
    expect(await moultHere(args)).toMatchObject({ code: 0 });
    const state = 'var/lib/moult-coordinator';
    expect(
      await accessOf(root, [
        ...['etc/moult', 'etc/moult/coordinator.yaml', 'etc/moult/admin.token'],
        ...[state, `${state}/keys/snapshot.key`, `${state}/tls/ca.key`, `${state}/coordinator.db`],
      ]),
    ).toEqual({
      'etc/moult': '0755 0',
      'etc/moult/coordinator.yaml': '0644 0',
      'etc/moult/admin.token': '0600 0',
      [state]: `0700 ${NOBODY}`,
      [`${state}/keys/snapshot.key`]: `0600 ${NOBODY}`,
      [`${state}/tls/ca.key`]: `0600 ${NOBODY}`,
      [`${state}/coordinator.db`]: `0644 ${NOBODY}`,
    });
    expect((await moultHere(['coordinator', 'install', '--root', root])).stdout).toContain(
      'nothing was changed',
    );

    // The very line of the unit, as its user.
    const units = join(root, 'etc/systemd/system');
    const [unit = ''] = await readdir(units);
    expect(unit).toMatch(/^moult-coordinator-coordinator-[0-9a-f]{8}\.service$/);
    const text = await readFile(join(units, unit), 'utf8');
    const [, line = ''] = /^ExecStart=(.*)$/m.exec(text) ?? [];
    const program = startProgram({
      name: 'the installed coordinator',
      command: 'setpriv',
      args: [
        ...['--reuid', 'nobody', '--regid', String(NOBODY), '--init-groups'],
        ...[...line.split(' '), '--end-with-stdin'],
      ],
    });
    try {
      await program.waitForLine(/the coordinator is ready/);
      expect(await usersOf(program.pid)).toEqual([NOBODY, NOBODY, NOBODY, NOBODY]);
      const token = (await readFile(join(root, 'etc/moult/admin.token'), 'utf8')).trim();
      const caPem = await readFile(join(root, 'etc/moult/ca.pem'), 'utf8');
      const client = createClient({ url: `https://${address}`, token, caPem });
      expect((await client.listAgents({ query: {} })).agents).toEqual([]);
      const serves = await moultHere([
        ...['coordinator', 'uninstall', '--root', root, '--purge', '--yes'],
      ]);
      expect(serves.stderr).toContain('code: database-locked');
      expect(existsSync(join(root, state, 'coordinator.db'))).toBe(true);
    } finally {
      await program.stop();
    }
    const uninstall = ['coordinator', 'uninstall', '--root', root];
    expect(await moultHere(uninstall)).toMatchObject({ code: 0 });
    expect(existsSync(join(units, unit))).toBe(false);
    expect(existsSync(join(root, state, 'coordinator.db'))).toBe(true);
    expect(await moultHere(install)).toMatchObject({ code: 0 });
    expect((await moultHere([...uninstall, '--purge'])).code).toBe(2);
    expect(await moultHere([...uninstall, '--purge', '--yes'])).toMatchObject({ code: 0 });
    expect(existsSync(join(root, state))).toBe(false);
    expect(existsSync(join(root, 'etc/moult'))).toBe(false);
  });
});
