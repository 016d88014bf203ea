/*
 * The agent installed as a service, by the bundled `moult`, below a root: as root for the user nobody, so that it shows who
 * owns what. What root alone can do is left out where these tests run as somebody else.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processesOf } from '../../scripts/fleet/processes.ts';
import type { Program } from '../../scripts/fleet/program.ts';
import { until } from '../../scripts/fleet/until.ts';
import { BAD, GOOD } from '../support/e2e-releases.ts';
import {
  accessOf,
  moultHere,
  openDirectory,
  removeDirectory,
  startInstalled,
  usersOf,
  whenUp,
} from '../support/installed-host.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
const AS_NOBODY = ['setpriv', '--reuid', 'nobody', '--regid', '65534', '--init-groups'];
const INSTALL_MS = 240_000;
const TRIAL_MS = 60_000;

let fleet: RealFleet;
let dir: string;
const programs: Program[] = [];

beforeAll(async () => {
  fleet = await RealFleet.open('install');
  dir = await openDirectory();
}, PREPARE_MS);

afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()));
  const left = await processesOf(dir);
  await removeDirectory(dir);
  expect(left).toEqual([]);
  expect(await fleet?.close()).toEqual([]);
});

function start(root: string, before: readonly string[] = AS_NOBODY): Program {
  const program = startInstalled(root, before);
  programs.push(program);
  return program;
}

function installing(root: string, ...more: readonly string[]): readonly string[] {
  const { url } = fleet.coordinator;
  return ['agent', 'install', '--root', root, '--coordinator', url, ...more];
}

async function token(name: string, uses = 1): Promise<string> {
  return await fleet.coordinator.enrollmentToken({ validates: true, group: name, uses });
}

interface Told {
  readonly steps: readonly { readonly state: string; readonly kind: string }[];
  readonly unit?: string;
}

/** States of the steps that were told as JSON, each once. */
function states(stdout: string): readonly string[] {
  return [...new Set((JSON.parse(stdout) as Told).steps.map(({ state }) => state))];
}

describe.skipIf(!isRoot)('as root, for a user of its own (needs root)', () => {
  test(
    'H19: (I1 I2 I3 I13) one command makes directories, enrollment, unit; what is the service’s belongs to its user, all else to root; again it changes nothing',
    async () => {
      const root = join(dir, 'whole');
      const args = installing(root, '--user', 'nobody', '--name', 'whole');
      const dry = await moultHere([...args, '--token', '-', '--dry-run'], {
        input: await token('whole'),
      });
      expect(dry).toMatchObject({ code: 0, stderr: '' });
      expect(dry.stdout).toContain('would do: enrollment as whole');
      expect(existsSync(root)).toBe(false);

      const made = await moultHere([...args, '--token', '-'], { input: await token('whole') });
      expect(made).toMatchObject({ code: 0 });
      expect(made.stdout).toContain(`${AS_NOBODY.join(' ')} moult launcher run --root ${root}`);
      expect(
        await accessOf(root, [
          ...['etc/moult', 'etc/moult/agent.yaml', 'etc/moult/trust-root.json'],
          ...['opt/moult', 'opt/moult/launcher', 'opt/moult/launcher/manifest.json'],
          ...['opt/moult/versions', 'opt/moult/versions/agent', 'opt/moult/versions/current'],
          ...['run/moult', 'var/lib/moult', 'var/lib/moult/identity.key', 'var/lib/moult/trust'],
        ]),
      ).toEqual({
        'etc/moult': '0755 0',
        'etc/moult/agent.yaml': '0644 0',
        'etc/moult/trust-root.json': '0644 0',
        'opt/moult': '0755 0',
        'opt/moult/launcher': '0755 0',
        'opt/moult/launcher/manifest.json': '0644 0',
        'opt/moult/versions': `0755 ${NOBODY}`,
        'opt/moult/versions/agent': `0755 ${NOBODY}`,
        'opt/moult/versions/current': `0755 ${NOBODY}`,
        'run/moult': `0750 ${NOBODY}`,
        'var/lib/moult': `0700 ${NOBODY}`,
        'var/lib/moult/identity.key': `0600 ${NOBODY}`,
        'var/lib/moult/trust': `0700 ${NOBODY}`,
      });

      // What the installer said, word for word, as the user of the unit; and an upgrade, which writes everywhere.
      start(root);
      await whenUp(fleet.coordinator, 'whole');
      for (const { pid } of await processesOf(join(root, 'opt'))) {
        expect(await usersOf(pid)).toEqual([NOBODY, NOBODY, NOBODY, NOBODY]);
      }
      expect((await fleet.upgrade('whole', GOOD[0])).command.state).toBe('succeeded');

      const again = await moultHere([...args, '-o', 'json']);
      expect(again.code).toBe(0);
      expect(states(again.stdout)).toEqual(['is-so']);
      const bare = await moultHere(['agent', 'install', '--root', root]);
      expect(bare.stdout).toContain('nothing was changed');

      // A unit of an older moult: that alone is written.
      const { unit = '' } = JSON.parse(again.stdout) as Told;
      expect(basename(unit)).toMatch(/^moult-agent-whole-[0-9a-f]{8}\.service$/);
      const text = await readFile(unit, 'utf8');
      await writeFile(unit, text.replace('RestartSec=2', 'RestartSec=9'));
      const over = await moultHere(['agent', 'install', '--root', root, '-o', 'json']);
      const done = (JSON.parse(over.stdout) as Told).steps.filter(({ state }) => state === 'done');
      expect(done).toMatchObject([{ kind: 'write-file', path: unit }]);
      expect(await readFile(unit, 'utf8')).toBe(text);
    },
    INSTALL_MS,
  );

  test(
    'H19: (I4) over one in the middle of an upgrade nothing is installed, nothing removed, and what to wait for is said',
    async () => {
      const root = join(dir, 'upgrading');
      const args = installing(root, '--user', 'nobody', '--name', 'upgrading');
      const made = await moultHere([...args, '--token', '-'], { input: await token('upgrading') });
      expect(made).toMatchObject({ code: 0 });
      start(root);
      await whenUp(fleet.coordinator, 'upgrading');
      const command = await fleet.order('upgrading', BAD.crashesAfterFiveSeconds);
      const record = join(root, 'var/lib/moult/boot.json');
      await until(
        'it is on trial',
        async () => (/"watchedLeftMs"/.test(await readFile(record, 'utf8')) ? true : null),
        { timeoutMs: TRIAL_MS },
      );
      for (const verb of ['install', 'uninstall', 'prepare-image']) {
        const refused = await moultHere(['agent', verb, '--root', root]);
        expect(refused.code).toBe(1);
        expect(refused.stderr).toMatch(/code: (install-mid-upgrade|agent-runs)/);
      }
      expect((await moultHere(['agent', 'install', '--root', root])).stderr).toMatch(
        /agent 1\.9\.2 is on trial\nnext: Wait until/,
      );
      expect((await fleet.ended(command, INSTALL_MS)).command.state).toBe('failed');
      await until(
        'its end is reported',
        async () =>
          (await moultHere(['agent', 'install', '--root', root])).code === 0 ? true : null,
        { timeoutMs: TRIAL_MS },
      );
    },
    INSTALL_MS,
  );

  test(
    'H19: (I9) uninstalled it leaves identity, state and configuration, and comes back as the same agent; purged nothing is left',
    async () => {
      const root = join(dir, 'leaving');
      const args = installing(root, '--user', 'nobody', '--name', 'leaving');
      const made = await moultHere([...args, '--token', '-'], { input: await token('leaving') });
      expect(made).toMatchObject({ code: 0 });
      const program = start(root);
      const { instanceId } = await whenUp(fleet.coordinator, 'leaving');
      const uninstall = ['agent', 'uninstall', '--root', root];
      const runs = await moultHere(uninstall);
      expect(runs).toMatchObject({ code: 1 });
      expect(runs.stderr).toContain('code: agent-runs');
      await program.stop();

      const gone = await moultHere(uninstall);
      expect(gone).toMatchObject({ code: 0 });
      expect(existsSync(join(root, 'opt/moult'))).toBe(false);
      expect(existsSync(join(root, 'etc/moult/agent.yaml'))).toBe(true);
      expect(await accessOf(root, ['var/lib/moult', 'var/lib/moult/identity.key'])).toEqual({
        'var/lib/moult': `0700 ${NOBODY}`,
        'var/lib/moult/identity.key': `0600 ${NOBODY}`,
      });
      expect((await moultHere(uninstall)).stdout).toContain('nothing was changed');

      // No token: it is enrolled, and the boot record says what ran here.
      expect(
        await moultHere(['agent', 'install', '--root', root, '--user', 'nobody']),
      ).toMatchObject({ code: 0 });
      const back = start(root);
      const agent = await whenUp(fleet.coordinator, 'leaving');
      expect(agent.instanceId).toBe(instanceId);
      expect((await fleet.upgrade('leaving', GOOD[0])).command.state).toBe('succeeded');
      await back.stop();

      const unconfirmed = await moultHere([...uninstall, '--purge']);
      expect(unconfirmed).toMatchObject({ code: 2 });
      expect(unconfirmed.stderr).toContain('code: purge-unconfirmed');
      expect(existsSync(join(root, 'var/lib/moult/identity.key'))).toBe(true);
      expect(await moultHere([...uninstall, '--purge', '--yes'])).toMatchObject({ code: 0 });
      for (const path of ['opt/moult', 'etc/moult', 'var/lib/moult', 'run/moult'])
        expect(existsSync(join(root, path))).toBe(false);
    },
    INSTALL_MS,
  );

  test(
    'O2: (I10) copies of a golden image enroll themselves when they first boot, each with an identity of its own, and none is quarantined',
    async () => {
      const root = join(dir, 'image');
      const args = installing(root, '--user', 'nobody', '--name', 'golden');
      const made = await moultHere([...args, '--token', '-'], { input: await token('golden') });
      expect(made).toMatchObject({ code: 0 });
      const program = start(root);
      await whenUp(fleet.coordinator, 'golden');
      const prepare = ['agent', 'prepare-image', '--root', root];
      const runs = await moultHere(prepare);
      expect(runs.stderr).toContain('code: agent-runs');
      await program.stop();
      const prepared = await moultHere([...prepare, '--token', '-'], {
        input: await token('copies', 2),
      });
      expect(prepared).toMatchObject({ code: 0 });
      expect(existsSync(join(root, 'var/lib/moult/identity.key'))).toBe(false);
      expect(existsSync(join(root, 'var/lib/moult/agent.db'))).toBe(false);
      expect(await accessOf(root, ['etc/moult/enrollment.token'])).toEqual({
        'etc/moult/enrollment.token': '0600 0',
      });
      expect(await readFile(join(root, 'etc/moult/agent.yaml'), 'utf8')).not.toMatch(
        /^(name|instance):/m,
      );

      const names = ['copy-1', 'copy-2'];
      for (const name of names) await copyOf(root, name);
      const found = await Promise.all(names.map((name) => whenUp(fleet.coordinator, name)));
      const ids = found.map(({ instanceId }) => instanceId);
      expect(new Set(ids).size).toBe(names.length);
      for (const name of names)
        expect((await fleet.upgrade(name, GOOD[0])).command.state).toBe('succeeded');
      for (const name of names) {
        const agent = await fleet.coordinator.client.getAgent({ params: { name } });
        expect(agent.marks).not.toContain('quarantined');
        expect(existsSync(join(dir, name, 'etc/moult/enrollment.token'))).toBe(false);
      }
    },
    INSTALL_MS,
  );

  /** Another machine with the same disk: the copy lies where the image lay, the host has a name of its own, and boots. */
  async function copyOf(root: string, name: string): Promise<void> {
    const copy = join(dir, name);
    const here = ['unshare', '--mount', '--uts', 'sh', '-eu', '-c'];
    const copied = await moultHere([], {
      before: ['sh', '-eu', '-c', `cp -a '${root}' '${copy}'; :`],
    });
    expect(copied.code).toBe(0);
    const units = join(copy, 'etc/systemd/system');
    const unit = await readFile(join(units, await enrollUnitIn(units)), 'utf8');
    const line = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? 'false';
    const machine = `mount --bind '${copy}' '${root}'; hostname ${name};`;
    expect(existsSync(line('ConditionPathExists'))).toBe(true);
    const enrolled = await moultHere([], {
      before: [...here, `${machine} ${line('ExecStart')}; ${line('ExecStartPost')}`],
    });
    expect(enrolled).toMatchObject({ code: 0 });
    start(root, [...here, `${machine} exec ${AS_NOBODY.join(' ')} "$0" "$@"`]);
  }

  async function enrollUnitIn(units: string): Promise<string> {
    return (await readdir(units)).find((name) => name.startsWith('moult-enroll')) ?? '';
  }
});

describe('below a root, for whoever installs', () => {
  test('H19: (I5) a directory that another instance has is refused, by its own path and by a link', async () => {
    const first = join(dir, 'first');
    const made = await moultHere([...installing(first, '--name', 'first'), '--token', '-'], {
      input: await token('first'),
    });
    expect(made).toMatchObject({ code: 0 });
    const again = ['agent', 'install', '--root', first];
    const refused = async (root: string, name: string) =>
      await moultHere([...installing(root, '--name', name), '--token', '-'], {
        input: await token('second'),
      });
    const other = await refused(first, 'second');
    expect(other).toMatchObject({ code: 1 });
    expect(other.stderr).toMatch(/agent first's, not second's(.|\n)*code: directories-shared/);

    for (const part of ['var/lib/moult', 'opt/moult', 'etc/moult']) {
      const second = join(dir, `second-${basename(join(part, '..'))}`);
      await mkdir(join(second, part, '..'), { recursive: true });
      await symlink(join(first, part), join(second, part));
      const linked = await refused(second, 'first');
      expect(linked).toMatchObject({ code: 1 });
      expect(linked.stderr).toContain(`belongs to the instance below ${first}`);
      expect(linked.stderr).toContain('code: directories-shared');
    }
    await symlink(first, join(dir, 'link'));
    expect((await refused(join(dir, 'link'), 'first')).stderr).toContain('directories-shared');
    // A unit that somebody made from ours, and left its directories as they were.
    const { unit = '' } = JSON.parse((await moultHere([...again, '-o', 'json'])).stdout) as Told;
    const copied = join(unit, '..', 'moult-agent-mine.service');
    await writeFile(copied, await readFile(unit, 'utf8'));
    expect((await moultHere(again)).stderr).toContain(`is used by the unit ${copied} too`);
    await rm(copied);
    expect(await moultHere(again)).toMatchObject({ code: 0 });
    const elsewhere = await moultHere([
      ...['agent', 'install', '--root', first, '--coordinator', 'https://elsewhere:7400'],
    ]);
    expect(elsewhere.stderr).toContain('code: enrolled-elsewhere');
  });

  test('H19: (I2) what cannot be ended says what was done and what remains, and the same command goes on from there', async () => {
    const root = join(dir, 'halfway');
    const args = [...installing(root, '--name', 'halfway'), '--token', '-'];
    const revoked = await token('halfway');
    const { tokens } = await fleet.coordinator.client.listTokens();
    const last = tokens.find(({ id }) =>
      Buffer.from(revoked.split('.')[1] ?? '', 'base64url').includes(id),
    );
    await fleet.coordinator.client.revokeToken({ params: { id: last?.id ?? '' } });
    const half = await moultHere(args, { input: revoked });
    expect(half.code).not.toBe(0);
    expect(half.stderr).toMatch(/step done: directory \S+\/var\/lib\/moult/);
    expect(half.stderr).toMatch(/step not done: enrollment as halfway/);
    expect(half.stderr).toMatch(/step not done: unit /);
    expect(half.stderr).toMatch(/run the same command again(.|\n)*code: token-revoked/);
    const whole = await moultHere(args, { input: await token('halfway') });
    expect(whole).toMatchObject({ code: 0 });
    expect(whole.stderr).toMatch(/step is so: directory \S+\/var\/lib\/moult/);
    expect((await stat(join(root, 'opt/moult/launcher/manifest.json'))).isFile()).toBe(true);
    const status = await moultHere(['agent', 'status', '--root', root]);
    expect(status.stdout).toContain('halfway');
  });
});
