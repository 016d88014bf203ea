/*
 * Bad input at the real programs. Each time: a clear error with a code and the next step, never a stack trace, and
 * nothing is lost. Rows of what must work are proved elsewhere; these titles name none.
 */
import {
  appendFile,
  copyFile,
  cp,
  open,
  readdir,
  readFile,
  rename,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { versionsDirOf } from '@moult/core/layout';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rawPack } from '../../packages/release/test/support/raw-pack.ts';
import { freePort } from '../../scripts/fleet/free-port.ts';
import type { Host } from '../../scripts/fleet/host.ts';
import { moult } from '../../scripts/fleet/moult.ts';
import { startProgram } from '../../scripts/fleet/program.ts';
import { until } from '../../scripts/fleet/until.ts';
import { ROOT_DIR } from '../../scripts/root.ts';
import { expectClearFailure, expectNoStackTrace } from '../support/clear-failure.ts';
import { FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { sha256Of } from '../support/sha256.ts';

let fleet: RealFleet;
let homeDir: string;

beforeAll(async () => {
  fleet = await RealFleet.open('bad-input');
  homeDir = fleet.dir;
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

function stateDirOf(coordinatorDir: string): string {
  return join(coordinatorDir, 'var', 'lib', 'moult-coordinator');
}

function serve(dir: string, ...more: readonly string[]) {
  return moult(['coordinator', 'serve', '--root', dir, ...more], { homeDir, timeoutMs: 30_000 });
}

/** A copy of the stopped coordinator to spoil, without its blobs. */
async function copyOfCoordinator(name: string): Promise<string> {
  const dir = join(fleet.dir, name);
  await cp(fleet.coordinator.dir, dir, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !path.includes('/blobs/sha256/'),
  });
  return dir;
}

test('unknown commands and flags are named, with what was probably meant', async () => {
  const typed = [
    { args: ['agnets', 'list'], says: /agents/ },
    { args: ['agents', 'list', '--grup', 'x'], says: /--group/ },
    { args: ['coordinator', 'serve', '--lisen', '127.0.0.1:1'], says: /--listen/ },
    { args: ['agents', 'upgrade'], says: /agent/ },
    { args: ['tokens', 'create', '--ttl', 'soon'], says: /soon/ },
    { args: ['release', 'build', '--component', 'engine', '--version', '1.0.0'], says: /engine/ },
  ];
  for (const { args, says } of typed) {
    const ran = await moult(args, { homeDir, env: fleet.coordinator.environment() });
    expectClearFailure(ran, { code: 'usage', exitCode: 2, says });
  }
});

test('a coordinator that cannot be reached, is not believed or does not know the token', async () => {
  const { coordinator } = fleet;
  const ask = (env: Readonly<Record<string, string>>) =>
    moult(['agents', 'list'], { homeDir, env: { ...coordinator.environment(), ...env } });
  const nobody = `https://127.0.0.1:${await freePort()}`;
  const { MOULT_CA: _, ...withoutCa } = coordinator.environment();
  expectClearFailure(await ask({ MOULT_URL: nobody }), {
    code: 'coordinator-unreachable',
    exitCode: 1,
  });
  expectClearFailure(await moult(['agents', 'list'], { homeDir, env: withoutCa }), {
    code: 'coordinator-untrusted',
    exitCode: 4,
  });
  expectClearFailure(await ask({ MOULT_TOKEN: 'made-up' }), {
    code: 'unauthenticated',
    exitCode: 4,
  });
  expectClearFailure(await moult(['agents', 'list'], { homeDir }), {
    code: 'not-logged-in',
    exitCode: 1,
  });
});

test('enrollment tokens that are wrong, used, expired or revoked', async () => {
  const { coordinator } = fleet;
  const enroll = (name: string, token: string) =>
    moult(
      [
        'agent',
        'enroll',
        '--coordinator',
        coordinator.url,
        '--token',
        token,
        '--name',
        name,
      ].concat(['--root', join(fleet.dir, name), '--no-install']),
      { homeDir },
    );
  expectClearFailure(await enroll('wrong', 'not-a-token'), {
    code: 'enrollment-token-invalid',
    exitCode: 1,
  });

  const used = await coordinator.enrollmentToken();
  expect(await enroll('first-use', used)).toMatchObject({ code: 0 });
  expectClearFailure(await enroll('second-use', used), { code: 'token-used', exitCode: 4 });
  // Whoever enrolled may repeat it: nothing was lost by the refusal.
  expect(await enroll('first-use', used)).toMatchObject({ code: 0 });

  const { token, text } = await coordinator.client.createToken({
    body: { kind: 'enrollment', ttlMs: 1_000 },
  });
  await until('the token has expired', () => (token.expiresMs ?? 0) < Date.now(), {
    timeoutMs: 5_000,
  });
  expectClearFailure(await enroll('too-late', text), { code: 'token-expired', exitCode: 4 });

  const revoked = await coordinator.client.createToken({ body: { kind: 'enrollment' } });
  await coordinator.client.revokeToken({ params: { id: revoked.token.id } });
  expectClearFailure(await enroll('revoked', revoked.text), { code: 'token-revoked', exitCode: 4 });

  const taken = await coordinator.enrollmentToken();
  const root = join(fleet.dir, 'same-name');
  const again = await moult(
    ['agent', 'enroll', '--coordinator', coordinator.url, '--token', taken].concat([
      '--name',
      'first-use',
      '--root',
      root,
      '--no-install',
    ]),
    { homeDir },
  );
  expectClearFailure(again, { code: 'name-taken', exitCode: 6 });
});

test('hostile packs are refused, each with its own code, and leave nothing behind', async () => {
  const { coordinator } = fleet;
  const blobsDir = join(coordinator.stateDir, 'blobs');
  const before = await filesBelow(blobsDir);
  const packs = {
    'pack-traversal': rawPack([{ path: '../evil', content: 'x' }]),
    'pack-link': rawPack([{ path: 'lib', type: 'SymbolicLink', linkpath: '/etc' }]),
    'pack-device': rawPack([{ path: 'bin/node', type: 'BlockDevice' }]),
    'pack-setuid': rawPack([{ path: 'bin/node', mode: 0o4755, content: 'x' }]),
    'pack-not-a-pack': Buffer.from('this is no pack'),
  };
  for (const [code, bytes] of Object.entries(packs)) {
    const path = join(fleet.dir, `${code}.tar.gz`);
    await writeFile(path, bytes);
    const ran = await coordinator.moult(['release', 'import', path]);
    expectClearFailure(ran, { code, exitCode: 1 });
  }
  expect(await filesBelow(blobsDir)).toEqual(before);
});

test('a blob that was changed on the coordinator is not installed, and the host goes on', async () => {
  const { coordinator } = fleet;
  const host = await fleet.host('changed-blob');
  const blobPath = await fleet.scriptBlobPath(GOOD[2]);
  await copyFile(blobPath, `${blobPath}.kept`);
  await changeByte(blobPath, 1_000);
  const from = host.lines.length;
  const command = await fleet.order('changed-blob', GOOD[2]);
  await until(
    'the agent has refused the blob',
    () => host.lines.slice(from).some((line) => line.includes('fetch-mismatch')),
    { timeoutMs: 20_000, detail: () => host.tail() },
  );
  expect((await host.bootRecord()).components.agent).toMatchObject({
    committed: { version: FIRST_AGENT },
    trial: null,
  });
  const agent = await host.whenAgent(coordinator, 'is Up', ({ state }) => state === 'Up');
  expect(agent.upgrade).toMatchObject({ commandId: command.id });
  await rename(`${blobPath}.kept`, blobPath);
});

test('a boot record of rubbish: kept aside, and the host boots what it had', async () => {
  const host = await fleet.host('rubbish-record');
  expect((await fleet.upgrade('rubbish-record', GOOD[0])).command.state).toBe('succeeded');
  await host.stop();
  await writeFile(host.layout.bootRecordPath, '{"format":1,"components":');
  host.start();
  await host.whenAgent(
    fleet.coordinator,
    'is Up with what it had',
    ({ state, components }) =>
      state === 'Up' && components.some(({ current }) => current?.version === GOOD[0]),
  );
  const aside = (await readdir(host.layout.stateDir)).filter(
    (name) => name.startsWith('boot.json') && name !== 'boot.json',
  );
  expect(aside).toHaveLength(1);
  expect((await fleet.upgrade('rubbish-record', GOOD[1])).command.state).toBe('succeeded');
  expectNoStackTrace(host.lines.join('\n'));
});

test('an agent whose clock is ten years ahead refuses to upgrade, says why, and goes on', async () => {
  const host = await fleet.host('wrong-clock');
  await host.stop();
  const clock = join(ROOT_DIR, 'test', 'fixtures', 'clock-ten-years-ahead.mjs');
  const { committed } = (await host.bootRecord()).components.agent;
  const slotDir = join(versionsDirOf(host.layout, 'agent'), committed?.dir ?? '');
  // By hand and without a launcher: nothing of what is installed lets a clock in.
  const agent = startProgram({
    name: 'agent with a wrong clock',
    command: join(slotDir, 'bin', 'node'),
    args: ['--import', pathToFileURL(clock).href, join(slotDir, 'lib', 'agent.cjs')].concat([
      'run',
      '--root',
      host.root,
    ]),
  });
  try {
    await host.whenAgent(fleet.coordinator, 'is Up', ({ state }) => state === 'Up');
    await fleet.order('wrong-clock', GOOD[0]);
    const line = await agent.waitForLine(/trust-expired/, { timeoutMs: 30_000 });
    expectNoStackTrace(line);
    await host.whenAgent(fleet.coordinator, 'is still Up', ({ state }) => state === 'Up');
  } finally {
    await agent.stop();
  }
});

test('keys that a configuration does not know are errors, for coordinator and agent', async () => {
  const { coordinator } = fleet;
  await coordinator.stop();
  const dir = await copyOfCoordinator('unknown-key');
  await appendFile(join(dir, 'etc', 'moult', 'coordinator.yaml'), '\nlisen: 127.0.0.1:1\n');
  expectClearFailure(await serve(dir), { code: 'config-invalid', exitCode: 1, says: /listen/ });

  const host = await enrolledOnly('unknown-key-agent');
  await appendFile(host.layout.agentConfigPath, '\nlogLevle: debug\n');
  const ran = await moult(['agent', 'run', '--root', host.root], { homeDir });
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain('config-invalid');
  expect(ran.stderr).toContain('logLevel');
  expectNoStackTrace(ran.stderr);
});

test('a port in use', async () => {
  const { coordinator } = fleet;
  await coordinator.stop();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const ran = await serve(coordinator.dir, '--listen', `127.0.0.1:${port}`);
    expectClearFailure(ran, { code: 'port-in-use', exitCode: 1, says: new RegExp(`${port}`) });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test('a corrupted database is refused untouched', async () => {
  await fleet.coordinator.stop();
  const dir = await copyOfCoordinator('corrupt-database');
  const name = (await readdir(stateDirOf(dir))).find((file) => file.endsWith('.db')) ?? '';
  const path = join(stateDirOf(dir), name);
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(8_192, 0x5a), 0, 8_192, 4_096);
  await file.close();
  const before = sha256Of(await readFile(path));
  const ran = await serve(dir, '--listen', `127.0.0.1:${await freePort()}`);
  expectClearFailure(ran, { code: 'database-(corrupt|foreign)', exitCode: 1 });
  expect(sha256Of(await readFile(path))).toBe(before);
});

test('corrupted metadata of releases is refused untouched', async () => {
  await fleet.coordinator.stop();
  const dir = await copyOfCoordinator('corrupt-metadata');
  const metadataDir = join(stateDirOf(dir), 'repository', 'current', 'metadata');
  const path = join(metadataDir, 'timestamp.json');
  await writeFile(path, '{"signed":');
  const ran = await serve(dir, '--listen', `127.0.0.1:${await freePort()}`);
  expectClearFailure(ran, { code: 'repository-corrupt', exitCode: 1 });
  expect(await readFile(path, 'utf8')).toBe('{"signed":');
});

async function enrolledOnly(name: string): Promise<Host> {
  await fleet.coordinator.start();
  const host = await fleet.host(name, { starts: false });
  await fleet.coordinator.stop();
  return host;
}

async function changeByte(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await file.write(byte, 0, 1, offset);
  await file.close();
}

async function filesBelow(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
