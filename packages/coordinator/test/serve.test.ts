import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initKeys } from '@moult/release/keys';
import { systemClock } from '@moult/runtime/clock';
import { silentLogger } from '@moult/runtime/logger';
import { systemRandom } from '@moult/runtime/random';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { storeWorkerPath } from '../../../test/support/store-worker.ts';
import {
  isCertificateRenewalDue,
  makeCa,
  makeServerCertificate,
  namesOf,
} from '../src/certificate.ts';
import {
  type InitOptions,
  initCoordinator,
  readCoordinatorConfig,
  serveCoordinator,
} from '../src/index.ts';
import { initOptions } from './support/fixture.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'moult-serve-'));
  await initKeys({ dir: join(dir, 'trust'), clock: systemClock });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const init = (overrides: Partial<InitOptions> = {}) =>
  initCoordinator({ ...initOptions(dir), ...overrides });

/** Serves until `use` is over. */
async function serving(
  use: (url: string) => Promise<void>,
  flags: Record<string, string | boolean> = {},
): Promise<void> {
  const stop = new AbortController();
  const config = await readCoordinatorConfig({ root: dir, flags, environment: () => null });
  let served: Promise<void> = Promise.resolve();
  const url = await new Promise<string>((resolve, reject) => {
    served = serveCoordinator(
      {
        config,
        version: '1.2.3',
        storeWorkerPath: storeWorkerPath(),
        clock: systemClock,
        random: systemRandom,
        log: silentLogger,
        onReady: (ready) => resolve(ready.url),
      },
      stop.signal,
    );
    served.catch(reject);
  });
  try {
    await use(url);
  } finally {
    stop.abort();
    await served;
  }
}

function getOverTls(url: string, ca: string): Promise<{ status: number; protocol: string | null }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca, agent: false }, (response) => {
      const socket = response.socket as unknown as { getProtocol(): string | null };
      const protocol = socket.getProtocol();
      response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, protocol }));
    });
    asked.on('error', reject).end();
  });
}

describe('init', () => {
  test('makes directories for its own user only, and the token is in no file', async () => {
    const made = await init({ tls: 'own-ca' });
    for (const path of [made.paths.stateDir, made.paths.keysDir, made.paths.tlsDir]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    }
    expect((await stat(made.paths.caKeyPath)).mode & 0o777).toBe(0o600);
    const secret = made.adminToken.split('.')[2] ?? 'missing';
    for (const name of await readdir(dir, { recursive: true })) {
      const path = join(dir, name);
      if ((await stat(path)).isFile()) expect(await readFile(path, 'latin1')).not.toContain(secret);
    }
  });

  test('refuses to run over a finished one, and goes on with an unfinished one', async () => {
    const made = await init({ tls: 'own-ca' });
    const ca = await readFile(made.paths.caCertPath, 'utf8');
    await expect(init({ tls: 'own-ca' })).rejects.toMatchObject({
      code: 'coordinator-initialized',
    });
    // Another, or a lost, configuration: online keys and tokens of what is in use are not made anew.
    await rm(made.paths.configPath);
    await expect(init({ tls: 'own-ca' })).rejects.toMatchObject({
      code: 'coordinator-initialized',
      message: expect.stringContaining('is missing'),
    });
    // What a run left that was cut off before its end.
    await rm(made.paths.initializedPath);
    const again = await init({ tls: 'own-ca' });
    expect(await readFile(again.paths.caCertPath, 'utf8')).toBe(ca);
    expect(again.anchors.rootSha256).toBe(made.anchors.rootSha256);
    await serving(async () => undefined);
  });

  test('refuses plain HTTP beyond loopback unless a proxy stands before it', async () => {
    await expect(init({ listen: '0.0.0.0:0' })).rejects.toMatchObject({ code: 'listen-insecure' });
    await init({ listen: '0.0.0.0:0', behindProxy: true });
  });
});

describe('serve', () => {
  test('speaks TLS 1.3 with the certificate of its CA', async () => {
    const made = await init({ tls: 'own-ca', names: ['moult.example'] });
    const ca = made.anchors.caPem ?? '';
    await serving(async (url) => {
      expect(await getOverTls(`${url}/livez`, ca)).toEqual({ status: 200, protocol: 'TLSv1.3' });
    });
  });

  test('says clearly that the port is taken', async () => {
    await init();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const taken = serving(async () => undefined, { listen: `127.0.0.1:${port}` });
    await expect(taken).rejects.toMatchObject({ code: 'port-in-use' });
    other.close();
  });

  test('refuses a state directory without a coordinator, and a second one on the same database', async () => {
    await expect(serving(async () => undefined)).rejects.toMatchObject({
      code: 'coordinator-not-initialized',
    });
    await init();
    await serving(async () => {
      await expect(serving(async () => undefined)).rejects.toMatchObject({
        code: 'database-locked',
      });
    });
  });

  test('refuses a database that is damaged, and does not touch it', async () => {
    const made = await init();
    const { databasePath } = made.paths;
    const bytes = await readFile(databasePath);
    bytes.fill(0xab, 4096, 20_000);
    await writeFile(databasePath, bytes);
    await expect(serving(async () => undefined)).rejects.toMatchObject({
      code: 'database-corrupt',
    });
    expect((await readFile(databasePath)).equals(bytes)).toBe(true);
  });

  test('names an unknown key of its configuration, and the one that was meant', async () => {
    const made = await init();
    await writeFile(made.paths.configPath, 'lisen: 127.0.0.1:0\n');
    await expect(serving(async () => undefined)).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining('did you mean listen?'),
    });
  });
});

test('a server certificate names its hosts and is renewed when a quarter is left', async () => {
  const nowMs = systemClock.nowMs();
  const ca = await makeCa(nowMs);
  const made = await makeServerCertificate({
    ca,
    names: ['moult.example', '10.0.0.1', '0.0.0.0'],
    nowMs,
  });
  const certificate = new X509Certificate(made.certPem);
  expect(certificate.verify(new X509Certificate(ca.certPem).publicKey)).toBe(true);
  expect(certificate.checkHost('moult.example')).toBe('moult.example');
  expect(certificate.checkIP('10.0.0.1')).toBe('10.0.0.1');
  expect(certificate.checkIP('::1')).toBe('::1');
  expect(namesOf(made.certPem)).not.toContain('0.0.0.0');
  const DAY_MS = 86_400_000;
  expect(isCertificateRenewalDue(made.certPem, nowMs + 290 * DAY_MS)).toBe(false);
  expect(isCertificateRenewalDue(made.certPem, nowMs + 300 * DAY_MS)).toBe(true);
});
