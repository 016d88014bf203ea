/* Installed system-wide under a real systemd, which obeys the unit: its hardening, its directories, READY and watchdog. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleMoult } from '../../scripts/fleet/bundled-moult.ts';
import { madeOnce } from '../../scripts/fleet/made-once.ts';
import { until } from '../../scripts/fleet/until.ts';
import { ROOT_DIR } from '../../scripts/root.ts';
import { GOOD } from '../support/e2e-releases.ts';
import { openDirectory, removeDirectory, whenUp } from '../support/installed-host.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { SystemdHost, whyNoSystemd } from '../support/systemd-host.ts';

const MACHINES_MS = 240_000;
const MADE_MS = 60_000;
const why = whyNoSystemd();

let fleet: RealFleet;
let dir: string;
const machines: SystemdHost[] = [];

beforeAll(async () => {
  if (why !== null) return;
  fleet = await RealFleet.open('systemd');
  dir = await openDirectory();
}, PREPARE_MS);

afterAll(async () => {
  if (why !== null) return;
  await Promise.all(machines.map((machine) => machine.end()));
  await removeDirectory(dir);
  expect(await fleet?.close()).toEqual([]);
});

async function boot(name: string, disk: string | null = null): Promise<SystemdHost> {
  const { dir: moultDir } = await madeOnce('moult', bundleMoult);
  const machine = await SystemdHost.boot({ dir, name, disk, moultDir, checkoutDir: ROOT_DIR });
  machines.push(machine);
  return machine;
}

async function token(group: string, uses = 1): Promise<string> {
  return await fleet.coordinator.enrollmentToken({ validates: true, group, uses });
}

describe.skipIf(why !== null)(`under systemd (${why ?? 'which is here'})`, () => {
  test(
    'H19 O2: one command makes a service that upgrades itself under systemd; copies of its machine enroll themselves as they boot, each as another agent',
    async () => {
      const { coordinator } = fleet;
      const machine = await boot('golden');
      const install = ['moult', 'agent', 'install'];
      const made = await machine.run(
        [...install, '--coordinator', coordinator.url, '--token', '-'],
        await token('golden'),
      );
      expect(made).toMatchObject({ code: 0 });
      expect(made.stderr).toMatch(/step done: system user moult(.|\n)*systemctl start moult-agent/);
      await whenUp(coordinator, 'golden');
      expect((await fleet.upgrade('golden', GOOD[0])).command.state).toBe('succeeded');
      const shown = await machine.run([
        ...['systemctl', 'show', 'moult-agent', '--property=User,ActiveState,SubState,NRestarts'],
      ]);
      expect(shown.stdout).toMatch(/^NRestarts=0$/m);
      expect(shown.stdout).toMatch(/^User=moult$/m);
      expect(shown.stdout).toMatch(/^ActiveState=active$/m);
      const again = await machine.run(install);
      expect(again).toMatchObject({ code: 0 });
      expect(again.stdout).toContain('nothing was changed');

      expect(await machine.run(['systemctl', 'stop', 'moult-agent'])).toMatchObject({ code: 0 });
      const copiesToken = await token('copies', 2);
      // What the image brings along, so that none of its copies begins with an upgrade.
      await coordinator.moultOk(['agents', 'desired', '--group', 'copies', '--to', GOOD[0]]);
      const prepared = await machine.run(
        ['moult', 'agent', 'prepare-image', '--token', '-'],
        copiesToken,
      );
      expect(prepared).toMatchObject({ code: 0 });
      const disk = `${dir}/disk`;
      await machine.saveDisk(disk);
      await machine.end();

      const names = ['copy-1', 'copy-2'];
      const copies = await Promise.all(names.map((name) => boot(name, disk)));
      const agents = await Promise.all(names.map((name) => whenUp(coordinator, name)));
      expect(new Set(agents.map(({ instanceId }) => instanceId)).size).toBe(names.length);
      for (const { marks } of agents) expect(marks).not.toContain('quarantined');
      // A copy that could not enroll at its first try has an agent, started again meanwhile, that is Up in the moment in
      // which it is enrolled, just before the unit removes the token.
      await until(
        'the token is gone',
        async () => {
          const left = await copies[0]?.run(['ls', '/etc/moult']);
          return left?.stdout.includes('enrollment.token') === false ? true : null;
        },
        { timeoutMs: MADE_MS },
      );

      const gone = await copies[0]?.run(['moult', 'agent', 'uninstall', '--purge', '--yes']);
      expect(gone, `${gone?.stdout}${gone?.stderr}`).toMatchObject({ code: 0 });
      const units = await copies[0]?.run(['systemctl', 'list-unit-files', 'moult*']);
      expect(units?.stdout).toContain('0 unit files listed');
      const found = await copies[0]?.run(['ls', '/etc/moult', '/opt/moult', '/var/lib/moult']);
      expect(found?.stdout).toBe('');
    },
    MACHINES_MS,
  );

  test(
    'H19: the coordinator serves under systemd as a user of its own, and is stopped and started by it',
    async () => {
      const machine = await boot('server');
      const moult = async (...args: readonly string[]) => await machine.run(['moult', ...args]);
      expect(await moult('keys', 'init', '--dir', '/root/keys')).toMatchObject({ code: 0 });
      const { code, stdout } = await moult(
        ...['coordinator', 'install', '--keys', '/root/keys', '--listen', '127.0.0.1:0'],
      );
      expect(code).toBe(0);
      expect(stdout).toContain('It runs as moult-coordinator.service');
      await until(
        'it serves',
        async () => {
          const { stdout: state } = await machine.run([
            ...['systemctl', 'show', 'moult-coordinator', '--property=SubState,NRestarts,User'],
          ]);
          return /SubState=running/.test(state) && /NRestarts=0/.test(state) ? true : null;
        },
        { timeoutMs: MADE_MS, detail: () => machine.tail() },
      );
      const again = await moult('coordinator', 'install');
      expect(again.stdout).toContain('nothing was changed');
      expect(await moult('coordinator', 'uninstall')).toMatchObject({ code: 0 });
      const { stdout: kept } = await machine.run(['ls', '/var/lib/moult-coordinator']);
      expect(kept).toContain('coordinator.db');
    },
    MACHINES_MS,
  );
});
