import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { appendFile, chmod, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layoutOf } from '@moult/core/layout';
import { systemClock } from '@moult/runtime/clock';
import { afterEach, describe, expect, test } from 'vitest';
import { ConnectProxy } from '../../../scripts/fleet/connect-proxy.ts';
import { readAgentConfig } from '../src/config/agent-config.ts';
import { encodeEnrollmentToken, enroll } from '../src/enroll/index.ts';
import { createReadWay } from '../src/host/way.ts';
import { createHttpsTransport } from '../src/session/https-transport.ts';
import { createWsTransport } from '../src/session/ws-transport.ts';
import {
  fixture,
  installed,
  listening,
  spawned,
  start,
  TLS,
  when,
} from './support/agent-process.ts';

const SECRET = 'pa:ss w%rd';
const ENCODED = encodeURIComponent(SECRET);

const proxies: ConnectProxy[] = [];
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.close();
});

async function proxied(credentials: string | null = null): Promise<ConnectProxy> {
  const proxy = await ConnectProxy.open({ credentials });
  proxies.push(proxy);
  return proxy;
}

const freshDir = () => mkdtempSync(join(tmpdir(), 'moult-proxy-'));

describe('P9: an agent behind a proxy', () => {
  test('W1 W2 W5: serves through it, bound to its own TLS, and never says the password', async () => {
    const proxy = await proxied(`ann:${SECRET}`);
    const { root, coordinator: peer } = await installed(TLS);
    const layout = layoutOf(root);
    const passwordPath = join(root, 'password');
    writeFileSync(passwordPath, `${SECRET}\n`, { mode: 0o600 });
    await appendFile(
      layout.agentConfigPath,
      `proxy: ${proxy.url.replace('//', '//ann@')}\nproxyPasswordFile: ${passwordPath}\n`,
    );
    const agent = start(['run', '--root', root]);
    spawned(agent);
    await when(
      () => peer.frames.some(({ kind }) => kind === 'report') || agent.child.exitCode !== null,
    );
    expect(peer.proofs).toEqual([true]);
    expect(proxy.granted[0]).toBe(new URL(peer.url).host);
    agent.pipe.write(`${JSON.stringify({ kind: 'stop', graceMs: 5_000 })}\n`);
    expect(await agent.exit).toBe(0);
    const said = `${agent.output}${JSON.stringify(peer.frames)}`;
    expect(said).not.toContain(SECRET);
    expect(said).not.toContain(Buffer.from(`ann:${SECRET}`).toString('base64'));
  });

  test('W4: whose password is wrong says so, by both carriers, and goes on when it was put right', async () => {
    const proxy = await proxied(`ann:${SECRET}`);
    const coordinator = await listening(TLS);
    const dir = freshDir();
    const [caPath, path] = [join(dir, 'ca.pem'), join(dir, 'password')];
    writeFileSync(caPath, fixture('ca.pem'));
    writeFileSync(path, 'old\n', { mode: 0o600 });
    const { port } = proxy;
    const password = { kind: 'in-file', path } as const;
    const way = createReadWay({ caPath }, { host: '127.0.0.1', port, user: 'ann', password });
    const clock = systemClock;
    const url = new URL(coordinator.url);
    const signal = AbortSignal.timeout(15_000);
    const bindsChannel = true;
    const webSocket = createWsTransport({ url: `wss://${url.host}/v1/agent`, way, clock });
    const https = createHttpsTransport({ coordinator: url, way, bindsChannel, clock });
    for (const transport of [webSocket, https]) {
      await expect(transport.connect(signal)).rejects.toMatchObject({
        code: 'proxy-password-wrong',
      });
    }
    expect(proxy.refused).toBe(2);
    expect(proxy.granted).toEqual([]);
    writeFileSync(path, `${SECRET}\n`);
    const connection = await webSocket.connect(signal);
    expect(connection.channelBinding()).toMatch(/^[0-9a-f]{64}$/);
    connection.close();
    // What answers now is the coordinator, which has no such route here.
    await expect(https.connect(signal)).rejects.toThrow('HTTP 404');
    expect(proxy.granted).toHaveLength(2);
  });

  test('W6: takes a CA that was replaced from the next connection on', async () => {
    const coordinator = await listening(TLS);
    const caPath = join(freshDir(), 'ca.pem');
    const connect = () =>
      createWsTransport({
        url: `wss://${new URL(coordinator.url).host}/v1/agent`,
        way: createReadWay({ caPath }, null),
        clock: systemClock,
      }).connect(AbortSignal.timeout(10_000));
    writeFileSync(caPath, fixture('other-ca.pem'));
    await expect(connect()).rejects.toMatchObject({ code: 'coordinator-unreachable' });
    // While one authority follows another a file has both.
    writeFileSync(caPath, `${fixture('other-ca.pem')}\n${fixture('ca.pem')}`);
    (await connect()).close();
  });
});

describe('P9: enrollment through a proxy', () => {
  const ROOT = '{"signed":{"_type":"root"}}';
  const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

  async function enrolledBy(options: {
    readonly proxy: string | null;
    readonly caSha256?: string | null;
    readonly root?: string;
    readonly coordinator?: Awaited<ReturnType<typeof listening>>;
  }) {
    const coordinator = options.coordinator ?? (await listening(TLS));
    const caSha256 = sha256(new X509Certificate(fixture('ca.pem')).raw);
    const pinned = options.caSha256 === undefined ? caSha256 : options.caSha256;
    coordinator.onRequest = (request, response) => {
      request.resume();
      const isFirst = request.url === '/v1/trust/anchors';
      const caPem = pinned === null ? null : fixture('ca.pem');
      response.writeHead(isFirst ? 200 : 201, { 'content-type': 'application/json' }).end(
        JSON.stringify(
          isFirst
            ? { caPem, root: ROOT }
            : {
                ...{ instanceId: '01arz3ndektsv4rrffq69g5fav', name: 'web-1', group: 'default' },
                ...{
                  isValidated: false,
                  bindsChannel: true,
                  rootSha256: sha256(ROOT),
                  desired: [],
                },
              },
        ),
      );
    };
    const layout = layoutOf(options.root ?? freshDir());
    const pins = { rootSha256: sha256(ROOT), caSha256: pinned };
    await enroll({
      coordinator: coordinator.url,
      token: encodeEnrollmentToken({ id: 't1', secret: 's'.repeat(40), ...pins }),
      name: 'web-1',
      layout,
      proxy: options.proxy,
      signal: AbortSignal.timeout(10_000),
    });
    return { layout, coordinator, yaml: readFileSync(layout.agentConfigPath, 'utf8') };
  }

  test('W1 W5: makes all of its connections through it, and keeps it, the password apart', async () => {
    const proxy = await proxied(`ann:${SECRET}`);
    const given = proxy.url.replace('//', `//ann:${ENCODED}@`);
    const { layout, coordinator, yaml } = await enrolledBy({ proxy: given });
    const target = new URL(coordinator.url).host;
    expect(proxy.granted).toEqual([target, target]);
    expect(yaml).toContain(`proxy: "${proxy.url.replace('//', '//ann@')}"`);
    expect(yaml).not.toContain(ENCODED);
    expect(yaml).not.toContain(SECRET);
    expect(statSync(layout.proxyPasswordPath).mode & 0o777).toBe(0o600);
    const config = await readAgentConfig({ layout, environment: () => null });
    const way = await createReadWay(layout, config.proxy)();
    expect(way.proxy).toEqual({
      host: '127.0.0.1',
      port: proxy.port,
      authorization: `Basic ${Buffer.from(`ann:${SECRET}`).toString('base64')}`,
    });
  });

  test('that is refused by it says why, and enrolls nobody', async () => {
    const proxy = await proxied(`ann:${SECRET}`);
    await expect(enrolledBy({ proxy: proxy.url })).rejects.toMatchObject({
      code: 'proxy-password-wanted',
    });
    const wrong = proxy.url.replace('//', '//ann:no@');
    await expect(enrolledBy({ proxy: wrong })).rejects.toMatchObject({
      code: 'proxy-password-wrong',
    });
    expect(proxy.granted).toEqual([]);
  });

  test('that is repeated goes through the proxy that is kept, and another one takes its place', async () => {
    const first = await proxied(`ann:${SECRET}`);
    const root = freshDir();
    const given = first.url.replace('//', `//ann:${ENCODED}@`);
    const { coordinator } = await enrolledBy({ proxy: given, root });
    await enrolledBy({ proxy: null, root, coordinator });
    expect(first.granted).toHaveLength(4);
    const second = await proxied();
    const { yaml } = await enrolledBy({ proxy: second.url, root, coordinator });
    expect(second.granted).toHaveLength(2);
    expect(yaml).toContain(`proxy: "${second.url}"`);
    expect(yaml).not.toContain('proxyPasswordFile');
  });

  test('takes the CA that the owner put there where the token names none', async () => {
    const root = freshDir();
    const coordinator = await listening(TLS);
    const enrolling = () => enrolledBy({ proxy: null, caSha256: null, root, coordinator });
    await expect(enrolling()).rejects.toMatchObject({ code: 'coordinator-unreachable' });
    await writeFile(layoutOf(root).caPath, fixture('ca.pem'));
    const { yaml } = await enrolling();
    expect(yaml).toContain('instance:');
  });
});

describe('P9: the configuration of a proxy', () => {
  const read = async (lines: string) => {
    const layout = layoutOf(freshDir());
    mkdirSync(layout.configDir, { recursive: true });
    const enrolled = 'coordinator: https://c.example\nname: web-1\ninstance: i\n';
    writeFileSync(layout.agentConfigPath, `${enrolled}${lines}`);
    const config = await readAgentConfig({ layout, environment: () => null });
    return await createReadWay(layout, config.proxy)();
  };

  test.each([
    ['http://proxy:3128', { host: 'proxy', port: 3128, authorization: null }],
    ['http://[fd00::1]:3128', { host: 'fd00::1', port: 3128, authorization: null }],
    ['http://proxy:80/', { host: 'proxy', port: 80, authorization: null }],
    ['http://ann:b%40d@proxy:1', { host: 'proxy', port: 1, authorization: 'Basic YW5uOmJAZA==' }],
  ])('%s is understood', async (proxy, wanted) => {
    expect(await read(`proxy: ${proxy}\n`)).toMatchObject({ proxy: wanted });
  });

  test.each([
    ['proxy: proxy.example\n', 'must have the form http://[user[:password]@]host:port'],
    ['proxy: https://ann:sesame@proxy:1\n', 'plain http'],
    ['proxy: http://ann:sesame@proxy:1/path\n', 'nothing behind it'],
    ['proxy: http://:sesame@proxy:1\n', 'no user'],
    ['proxy: http://ann:ses%ame@proxy:1\n', 'percent-encoded'],
    ['proxy: [http://ann:sesame@proxy:1]\n', 'must be a text'],
    ['proxyPasswordFile: /sesame\n', 'no proxy'],
    ['proxy: http://proxy:1\nproxyPasswordFile: /p\n', 'names no user'],
    ['proxy: http://ann:sesame@proxy:1\nproxyPasswordFile: /p\n', 'give one'],
    ['proxy: http://ann@proxy:1\nproxyPasswordFile: p\n', 'absolute'],
    ['proxy: http://ann@proxy:1\nproxyPasswordFile: /not/there\n', 'cannot be read (ENOENT)'],
  ])('W5: %j is refused, and no password is repeated', async (lines, words) => {
    const error = await read(lines).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'config-invalid' });
    expect(String(error)).toContain(words);
    expect(String(error)).not.toContain('sesame');
  });

  test('W5: a file with the password that others can read is refused, and what is in it is not said', async () => {
    const path = join(freshDir(), 'password');
    await writeFile(path, 'sesame\n');
    const lines = `proxy: http://ann@proxy:1\nproxyPasswordFile: ${path}\n`;
    for (const mode of [0o644, 0o602]) {
      await chmod(path, mode);
      await expect(read(lines)).rejects.toMatchObject({ code: 'proxy-password-exposed' });
    }
    await chmod(path, 0o640);
    expect(await read(lines)).toMatchObject({
      proxy: { authorization: `Basic ${Buffer.from('ann:sesame').toString('base64')}` },
    });
    for (const text of ['', 'two\nlines\n', 'x'.repeat(2_000)]) {
      await writeFile(path, text);
      await expect(read(lines)).rejects.toMatchObject({ code: 'config-invalid' });
    }
  });
});
