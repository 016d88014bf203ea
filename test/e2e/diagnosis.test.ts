/* One file for a bug report, made of hosts and coordinators that work and of broken ones, with a secret in each place. */
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { moult, moultOk } from '../../scripts/fleet/moult.ts';
import { until } from '../../scripts/fleet/until.ts';
import { expectClearFailure } from '../support/clear-failure.ts';
import { BAD, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

/** Each of a form that nothing but knowledge of its place tells from other words. */
const PLANTED = {
  taskEnvironment: planted(),
  taskArgument: planted(),
  taskDefault: planted(),
  taskParameter: planted(),
  output: planted(),
  handedIn: planted(),
  proxyPassword: planted(),
  proxyAddress: planted(),
  proxyFile: planted(),
  variable: planted(),
  logPassword: planted(),
  unknownSetting: planted(),
  webhookPath: planted(),
  webhookHeader: planted(),
};

let fleet: RealFleet;
let host: Host;
let logPath: string;

beforeAll(async () => {
  fleet = await RealFleet.open('diagnosis');
  await nameForward();
  host = await fleet.host('diagnosed', { starts: false });
  logPath = join(fleet.dir, 'diagnosed.log');
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

function planted(): string {
  return `Pl4nted-${randomBytes(9).toString('base64url')}`;
}

interface Diagnosed {
  readonly path: string;
  readonly said: string;
  /** By name. */
  readonly files: Readonly<Record<string, string>>;
}

async function diagnosed(name: string, args: readonly string[]): Promise<Diagnosed> {
  const path = join(fleet.dir, `${name}.tar.gz`);
  const ran = await moultOk(['diagnose', ...args, '--out', path], {
    homeDir: fleet.dir,
    env: {
      MOULT_TOKEN: PLANTED.variable,
      HTTPS_PROXY: `http://somebody:${PLANTED.proxyPassword}@proxy:3128`,
    },
  });
  const intoDir = join(fleet.dir, `${name}-unpacked`);
  await mkdir(intoDir);
  execFileSync('tar', ['-xzf', path, '-C', intoDir]);
  const files: Record<string, string> = {};
  for (const file of await readdir(join(intoDir, name))) {
    files[file] = await readFile(join(intoDir, name, file), 'utf8');
  }
  return { path, said: ran.stdout, files };
}

/** Each secret as it is, and as somebody may have encoded it. */
function expectNone(of: Diagnosed, secrets: Readonly<Record<string, string | Buffer>>): void {
  const everything = [of.said, ...Object.values(of.files)].join('\n');
  const found = Object.entries(secrets).filter(([, secret]) => {
    const bytes = Buffer.from(secret);
    const forms = (['base64', 'base64url', 'hex'] as const).map((form) =>
      bytes.toString(form).replace(/=+$/, ''),
    );
    const plain = typeof secret === 'string' ? [secret] : [];
    return [...plain, ...forms].some((form) => everything.includes(form));
  });
  expect(found.map(([name]) => name)).toEqual([]);
}

function keySecrets(pem: string): Readonly<Record<string, string | Buffer>> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return { keyLine: pem.split('\n')[1] ?? '', keyBytes: der, keySeed: der.subarray(-32) };
}

/** It can never be reached, and must be tried: its address gets into messages. */
async function nameForward(): Promise<void> {
  const { coordinator } = fleet;
  await coordinator.stop();
  const secretPath = join(coordinator.configDir, 'webhook-secret');
  await writeFile(secretPath, PLANTED.webhookHeader);
  const configPath = join(coordinator.configDir, 'coordinator.yaml');
  const text = await readFile(configPath, 'utf8');
  const forward = [
    'forward:',
    `  webhook: https://127.0.0.1:1/${PLANTED.webhookPath}?key=${PLANTED.webhookPath}`,
    `  secretFile: ${secretPath}`,
  ];
  await writeFile(configPath, `${text}${forward.join('\n')}\n`);
  await coordinator.start();
}

async function writeTasks(): Promise<void> {
  const text = `tasks:
  tell:
    program: /bin/sh
    arguments: ["-c", "echo ${PLANTED.output}; sleep {seconds}", "--key=${PLANTED.taskArgument}"]
    parameters:
      target: { default: "${PLANTED.taskDefault}" }
      seconds: { kind: integer, min: 0, max: 600, default: 0 }
    environment: { DB_PASSWORD: "${PLANTED.taskEnvironment}" }
`;
  await writeFile(host.layout.tasksPath, text, { mode: 0o644 });
}

/** Over the socket, and answered. */
function handIn(content: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(host.layout.outputSocketPath);
    socket.once('error', reject);
    socket.once('data', () => {
      socket.end();
      resolve();
    });
    socket.write(`${JSON.stringify({ stream: 'planted', content })}\n`);
  });
}

function textsIn(path: string, query: string): readonly string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database
      .prepare(query)
      .all()
      .map(({ value }) => String(value));
  } finally {
    database.close();
  }
}

describe('moult diagnose', () => {
  it('O5: of a host that works has all that a bug report needs, and no secret', async () => {
    await writeTasks();
    host.start();
    const { coordinator } = fleet;
    await host.whenAgent(coordinator, 'is Up', ({ state }) => state === 'Up');
    const refused = await fleet.upgrade('diagnosed', BAD.crashesAtStart);
    expect(refused.command.state).toBe('failed');
    expect((await fleet.upgrade('diagnosed', GOOD[0])).command.state).toBe('succeeded');
    const target = `target=${PLANTED.taskParameter}`;
    await coordinator.moultOk(['tasks', 'run', 'diagnosed', 'tell', '--param', target, '--wait']);
    // One that runs while we look, and output that nobody takes.
    const runs = ['tasks', 'run', 'diagnosed', 'tell', '--param', target, '--param', 'seconds=600'];
    await coordinator.moultOk(runs);
    await until(
      'it runs',
      () => textsIn(host.layout.agentDatabasePath, 'SELECT run AS value FROM task_runs').length > 0,
      { timeoutMs: 20_000 },
    );
    await coordinator.stop();
    await handIn(PLANTED.handedIn);
    const pem = await readFile(host.layout.identityKeyPath, 'utf8');
    const database = host.layout.agentDatabasePath;
    const [ticket = ''] = textsIn(database, 'SELECT ticket AS value FROM session');
    const nonces = textsIn(
      database,
      "SELECT message AS value FROM inbox WHERE message LIKE '%nonce%'",
    );
    const nonce = /"nonce":"([^"]+)"/.exec(nonces[0] ?? '')?.[1] ?? '';
    expect([ticket, nonce].map(({ length }) => length > 10)).toEqual([true, true]);
    await writeFile(
      logPath,
      [
        ...host.lines,
        `password: ${PLANTED.logPassword}`,
        pem,
        `key ${pem.split('\n')[1]}`,
        ticket,
        '',
      ].join('\n'),
    );

    const found = await diagnosed('works', ['--root', host.root, '--log', logPath]);
    expectNone(found, {
      ...PLANTED,
      ...keySecrets(pem),
      ticket,
      nonce,
      admin: coordinator.adminToken,
    });

    expect(JSON.parse(found.files['boot.json'] ?? '')).toMatchObject({
      record: {
        components: {
          agent: {
            committed: { version: GOOD[0] },
            previous: { version: FIRST_AGENT },
            refused: [{ version: BAD.crashesAtStart, evidence: { reason: 'crashed' } }],
          },
        },
      },
    });
    const state = JSON.parse(found.files['agent-db.json'] ?? '');
    expect(state).toMatchObject({
      schema: { readable_since: 1 },
      check: 'ok',
      upgrade: { kind: 'idle' },
      commandsWaiting: [{ task: 'tell' }],
      taskRuns: [{ task: 'tell', starts: 1 }],
    });
    expect(state.outbox.items).toBeGreaterThan(0);
    expect(
      state.commandsEnded.map(({ finish }: { finish: { outcome: string } }) => finish.outcome),
    ).toContain('rolled-back');
    expect(JSON.parse(found.files['tasks.json'] ?? '').tasks).toMatchObject([
      { name: 'tell', variableNames: ['DB_PASSWORD'], parameterKinds: { target: 'text' } },
    ]);
    expect(JSON.parse(found.files['processes.json'] ?? '')).toMatchObject({
      agent: { process: { pid: await host.agentPid() } },
      launcher: { process: { pid: await host.launcherPid() } },
    });
    expect(found.files['log-1.txt']).toContain('this release was built to crash at start');
    expect(found.files['agent-log.txt']).toContain('a task starts');
    expect(found.files['files.txt']).toMatch(/^-0600 .*identity\.key$/m);
    expect(Object.keys(JSON.parse(found.files['codes.json'] ?? '')).length).toBeGreaterThan(0);
    expect((await stat(found.path)).mode & 0o777).toBe(0o600);
    expect(found.said).toMatch(/Look through it before you send it/);
  });

  it('O5: is never written over what is there', async () => {
    const path = join(fleet.dir, 'mine.txt');
    await writeFile(path, 'mine');
    const ran = await moult(['diagnose', '--root', host.root, '--out', path], {
      homeDir: fleet.dir,
    });
    expectClearFailure(ran, {
      code: 'file-exists',
      exitCode: 6,
      says: /mine\.txt is there already/,
    });
    expect(await readFile(path, 'utf8')).toBe('mine');
  });

  it('O5: of a broken host says what is broken, has all else, and no secret', async () => {
    await host.killAll();
    const pem = await readFile(host.layout.identityKeyPath, 'utf8');
    const { bootRecordPath, agentDatabasePath, agentConfigPath, stateDir } = host.layout;
    await writeFile(bootRecordPath, `{"format": 1, "token": "${pem.split('\n')[1]}"`);
    for (const suffix of ['-wal', '-shm'])
      await rm(`${agentDatabasePath}${suffix}`, { force: true });
    await writeFile(agentDatabasePath, `no database ${PLANTED.handedIn}`);
    const config = await readFile(agentConfigPath, 'utf8');
    const passwordPath = join(host.layout.configDir, 'proxy-password');
    await writeFile(passwordPath, `${PLANTED.proxyFile}\n`);
    const settings = [
      `proxy: http://somebody:${PLANTED.proxyAddress}@proxy:3128`,
      `proxyPasswordFile: ${passwordPath}`,
      `newKey: ${PLANTED.unknownSetting}`,
    ];
    await writeFile(agentConfigPath, `${config}${settings.join('\n')}\n`);
    await writeFile(
      logPath,
      [
        `newKey ${PLANTED.unknownSetting} was refused by http://a:${PLANTED.logPassword}@b/`,
        `said ${Buffer.from(`somebody:${PLANTED.proxyAddress}`).toString('base64')}`,
        `and ${Buffer.from(`somebody:${PLANTED.proxyFile}`).toString('base64')}`,
      ].join('\n'),
    );
    await rm(join(stateDir, 'holder.json'));

    const found = await diagnosed('broken', ['--root', host.root, '--log', logPath]);
    expectNone(found, { ...PLANTED, ...keySecrets(pem) });
    expect(found.said).toMatch(/^ +boot\.json +it cannot be read: not a JSON object$/m);
    expect(found.said).toMatch(/^ +agent-db\.json +.*not a database/m);
    expect(JSON.parse(found.files['configuration.json'] ?? '').settings).toMatchObject({
      name: 'diagnosed',
      proxy: 'http://[left out: password]@proxy:3128',
      newKey: '[left out: setting]',
    });
    expect(JSON.parse(found.files['slots.json'] ?? '').agent).toHaveLength(2);
    expect(found.files['log-1.txt']).toMatch(/was refused by http:\/\/\[left out: password\]@b/);
  });
});

describe('moult diagnose --coordinator', () => {
  it('O5: of one that serves, and of a broken one, has what is needed, and no secret', async () => {
    const { coordinator } = fleet;
    await coordinator.start();
    await until(
      'the webhook has failed',
      async () => {
        const { stdout } = await coordinator.moult(['coordinator', 'status']);
        return /webhook.*since/.test(stdout);
      },
      { timeoutMs: 30_000 },
    );
    const databasePath = join(coordinator.stateDir, 'coordinator.db');
    const tickets = textsIn(databasePath, 'SELECT session_ticket AS value FROM instances');
    const given = textsIn(
      databasePath,
      'SELECT parameters AS value FROM commands WHERE task IS NOT NULL',
    );
    expect(given.join()).toContain(PLANTED.taskParameter);
    const token = await coordinator.enrollmentToken();
    await writeFile(logPath, `${token}\nBearer ${coordinator.adminToken}\n`);
    const keys: Record<string, string | Buffer> = {};
    for (const dir of ['keys', 'tls']) {
      for (const name of await readdir(join(coordinator.stateDir, dir))) {
        if (!name.endsWith('.key')) continue;
        const pem = await readFile(join(coordinator.stateDir, dir, name), 'utf8');
        for (const [kind, value] of Object.entries(keySecrets(pem)))
          keys[`${name} ${kind}`] = value;
      }
    }
    expect(Object.keys(keys)).toHaveLength(4 * 3);
    const secrets = {
      ...PLANTED,
      ...keys,
      token,
      admin: coordinator.adminToken,
      ticket: tickets[0] ?? '',
    };

    const args = ['--coordinator', '--root', coordinator.dir, '--log', logPath];
    const found = await diagnosed('serves', args);
    expectNone(found, secrets);
    const store = JSON.parse(found.files['store.json'] ?? '');
    expect(store).toMatchObject({
      check: 'ok',
      agents: [{ agents: 1 }],
      commands: expect.any(Array),
    });
    expect(store.instances[0]).toMatchObject({ role: 'active', instances: 1 });
    expect(JSON.parse(found.files['attempts.json'] ?? '')[1]).toMatchObject({
      to_version: BAD.crashesAtStart,
      outcome: 'rolled-back',
      evidence: { reason: 'crashed' },
    });
    expect(JSON.parse(found.files['history.json'] ?? '').length).toBeGreaterThan(5);
    expect(JSON.parse(found.files['processes.json'] ?? '')).toMatchObject({
      isHeld: true,
      processes: [{ pid: coordinator.program.pid }],
    });
    expect(JSON.parse(found.files['configuration.json'] ?? '').settings).toMatchObject({
      'forward.webhook': 'https://127.0.0.1:1/[left out: setting]',
    });

    await coordinator.kill();
    for (const suffix of ['-wal', '-shm']) await rm(`${databasePath}${suffix}`, { force: true });
    await writeFile(databasePath, 'no database');
    const broken = await diagnosed('fails', args);
    expectNone(broken, secrets);
    expect(broken.said).toMatch(/^ +store\.json +.*not a database/m);
    expect(JSON.parse(broken.files['repository.json'] ?? '').roles.roles.length).toBeGreaterThan(3);
  });
});
