import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Layout, layoutOf } from '@moult/core/layout';
import { afterEach, describe, expect, test } from 'vitest';
import { readAgentConfig } from '../src/config/agent-config.ts';
import {
  decodeEnrollmentToken,
  encodeEnrollmentToken,
  enroll,
  pinAnew,
} from '../src/enroll/index.ts';
import { WsCoordinator } from './support/ws-coordinator.ts';

const fixture = (name: string) =>
  readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const TLS = { key: fixture('server-key.pem'), cert: fixture('server.pem') };
const CA = fixture('ca.pem');
const ROOT = '{"signed":{"_type":"root"}}';
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const PINS = { rootSha256: sha256(ROOT), caSha256: sha256(new X509Certificate(CA).raw) };
const TOKEN = { id: 't1', secret: 's'.repeat(40), ...PINS };

let coordinator: WsCoordinator | null = null;
afterEach(() => coordinator?.close());

interface Served {
  readonly keys: string[];
  anchors: unknown;
}

async function serve(tls: typeof TLS | null = TLS): Promise<Served> {
  const served: Served = { keys: [], anchors: { caPem: CA, root: ROOT } };
  coordinator = await WsCoordinator.listen(tls);
  coordinator.onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.url === '/v1/trust/anchors') return answer(200, served.anchors);
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      served.keys.push((JSON.parse(text) as { publicKey: string }).publicKey);
      answer(201, {
        instanceId: '01arz3ndektsv4rrffq69g5fav',
        name: 'web-1',
        group: 'default',
        isValidated: false,
        bindsChannel: true,
        rootSha256: PINS.rootSha256,
        desired: [{ component: 'agent', version: '1.0.0' }],
      });
    });
  };
  return served;
}

function freshLayout(): Layout {
  return layoutOf(mkdtempSync(join(tmpdir(), 'moult-enroll-')));
}

function enrolling(
  layout: Layout,
  more: { token?: string; coordinator?: string } = {},
): ReturnType<typeof enroll> {
  return enroll({
    coordinator: more.coordinator ?? coordinator?.url ?? '',
    token: more.token ?? encodeEnrollmentToken(TOKEN),
    name: 'web-1',
    layout,
    signal: AbortSignal.timeout(10_000),
  });
}

describe('enrollment', () => {
  test('gives an identity over verified TLS and keeps root, CA and configuration', async () => {
    const served = await serve();
    const layout = freshLayout();
    const enrolled = await enrolling(layout);
    expect(enrolled).toMatchObject({
      name: 'web-1',
      desired: [{ component: 'agent', version: '1.0.0' }],
    });
    expect(readFileSync(layout.pinnedRootPath, 'utf8')).toBe(ROOT);
    expect(readFileSync(layout.caPath, 'utf8')).toBe(CA);
    expect(statSync(layout.identityKeyPath).mode & 0o777).toBe(0o600);
    expect(Buffer.from(served.keys[0] ?? '', 'base64url')).toHaveLength(32);
    const config = await readAgentConfig({ layout, environment: () => null });
    expect(config).toMatchObject({
      name: 'web-1',
      instanceId: enrolled.instanceId,
      bindsChannel: true,
    });
    expect(config.coordinator.origin).toBe(coordinator?.url);
  });

  test('repeated, shows the same key, and keeps what the owner wrote', async () => {
    const served = await serve();
    const layout = freshLayout();
    await enrolling(layout);
    writeFileSync(
      layout.agentConfigPath,
      `# mine\nlogLevel: debug\n${readFileSync(layout.agentConfigPath, 'utf8')}`,
    );
    await enrolling(layout);
    expect(served.keys[1]).toBe(served.keys[0]);
    expect(readFileSync(layout.agentConfigPath, 'utf8')).toMatch(
      /^# mine\nlogLevel: debug\ncoordinator: /,
    );
  });

  test('T2: another CA than the token names is refused before anything is sent', async () => {
    const served = await serve();
    served.anchors = { caPem: fixture('other-ca.pem'), root: ROOT };
    await expect(enrolling(freshLayout())).rejects.toMatchObject({
      code: 'enrollment-pin-mismatch',
    });
    expect(served.keys).toEqual([]);
  });

  test('T2: another root than the token names is refused', async () => {
    const served = await serve();
    served.anchors = { caPem: CA, root: `${ROOT} ` };
    await expect(enrolling(freshLayout())).rejects.toMatchObject({
      code: 'enrollment-pin-mismatch',
    });
  });

  test('a right CA does not help a server whose certificate it did not sign', async () => {
    const served = await serve();
    served.anchors = { caPem: fixture('other-ca.pem'), root: ROOT };
    const caSha256 = sha256(new X509Certificate(fixture('other-ca.pem')).raw);
    const token = encodeEnrollmentToken({ ...TOKEN, caSha256 });
    await expect(enrolling(freshLayout(), { token })).rejects.toThrow();
    expect(served.keys).toEqual([]);
  });

  test('plain http works on loopback alone', async () => {
    await serve(null);
    const token = encodeEnrollmentToken({ ...TOKEN, caSha256: null });
    await expect(enrolling(freshLayout(), { token })).resolves.toMatchObject({ name: 'web-1' });
    await expect(
      enrolling(freshLayout(), { token, coordinator: 'http://192.0.2.1:7400' }),
    ).rejects.toMatchObject({ code: 'coordinator-insecure' });
  });

  test('a host of another coordinator is not taken over', async () => {
    await serve();
    const layout = freshLayout();
    mkdirSync(layout.configDir, { recursive: true });
    writeFileSync(layout.agentConfigPath, 'coordinator: https://elsewhere.example\n');
    await expect(enrolling(layout)).rejects.toMatchObject({ code: 'enrolled-elsewhere' });
  });

  test('nobody there is said plainly', async () => {
    await serve();
    const { url } = coordinator ?? { url: '' };
    await coordinator?.close();
    coordinator = null;
    await expect(enrolling(freshLayout(), { coordinator: url })).rejects.toMatchObject({
      code: 'coordinator-unreachable',
    });
  });

  test('a token is read back as it was made, and a cut or foreign one is refused without showing it', () => {
    const text = encodeEnrollmentToken(TOKEN);
    expect(decodeEnrollmentToken(` ${text}\n`)).toEqual(TOKEN);
    for (const bad of [
      text.slice(0, -30),
      'hunter2',
      `${text}${'x'.repeat(600)}`,
      text.replace('v1', 'v9'),
    ]) {
      expect(() => decodeEnrollmentToken(bad)).toThrow(
        expect.objectContaining({ code: 'enrollment-token-invalid' }),
      );
      expect(() => decodeEnrollmentToken(bad)).not.toThrow(
        expect.objectContaining({ message: expect.stringContaining(bad) }),
      );
    }
  });
});

describe('pinning anew', () => {
  const NEW_ROOT = '{"signed":{"_type":"root","version":70}}';
  const pinning = (layout: Layout, token: typeof TOKEN) =>
    pinAnew({
      layout,
      token: encodeEnrollmentToken(token),
      signal: AbortSignal.timeout(10_000),
    });

  test('takes the root that a new token names, and leaves the identity as it is', async () => {
    const served = await serve();
    const layout = freshLayout();
    await enrolling(layout);
    const kept = () =>
      [layout.agentConfigPath, layout.identityKeyPath].map((path) => readFileSync(path, 'utf8'));
    const before = kept();
    served.anchors = { caPem: CA, root: NEW_ROOT };
    const pinned = await pinning(layout, { ...TOKEN, rootSha256: sha256(NEW_ROOT) });
    expect(pinned).toEqual({ coordinator: coordinator?.url, rootSha256: sha256(NEW_ROOT) });
    expect(readFileSync(layout.pinnedRootPath, 'utf8')).toBe(NEW_ROOT);
    expect(kept()).toEqual(before);
    expect(served.keys).toHaveLength(1);
  });

  test('T2: another root than the token names is refused, and a host that was never enrolled is told so', async () => {
    const served = await serve();
    const layout = freshLayout();
    await expect(pinning(layout, TOKEN)).rejects.toMatchObject({ code: 'not-enrolled' });
    await enrolling(layout);
    served.anchors = { caPem: CA, root: NEW_ROOT };
    await expect(pinning(layout, TOKEN)).rejects.toMatchObject({ code: 'enrollment-pin-mismatch' });
    expect(readFileSync(layout.pinnedRootPath, 'utf8')).toBe(ROOT);
  });
});

describe('agent.yaml', () => {
  function layoutWith(text: string): Layout {
    const layout = freshLayout();
    mkdirSync(layout.configDir, { recursive: true });
    writeFileSync(layout.agentConfigPath, text);
    return layout;
  }
  const GOOD = 'coordinator: https://c.example\nname: web-1\ninstance: i\n';
  const read = (layout: Layout, more: Partial<Parameters<typeof readAgentConfig>[0]> = {}) =>
    readAgentConfig({ layout, environment: () => null, ...more });

  test('an unknown key is an error that names the file and the key that was probably meant', async () => {
    await expect(read(layoutWith(`${GOOD}coordinatr: x\n`))).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(
        /agent\.yaml: unknown key coordinatr; did you mean coordinator\?/,
      ),
    });
  });

  test('flags go before the environment, which goes before the file', async () => {
    const layout = layoutWith(GOOD);
    const environment = (name: string) => (name === 'MOULT_NAME' ? 'from-environment' : null);
    expect((await read(layout, { environment })).name).toBe('from-environment');
    expect((await read(layout, { environment, flags: { name: 'from-flag' } })).name).toBe(
      'from-flag',
    );
  });

  test('values of the wrong kind are named', async () => {
    await expect(read(layoutWith(`${GOOD}bindsChannel: perhaps\n`))).rejects.toMatchObject({
      message: expect.stringContaining('bindsChannel must be true or false, not "perhaps"'),
    });
    await expect(read(layoutWith(`${GOOD}logLevel: inof\n`))).rejects.toMatchObject({
      message: expect.stringContaining('did you mean info?'),
    });
  });

  test('what is no YAML is an error and no stack', async () => {
    await expect(read(layoutWith('coordinator: [\n'))).rejects.toMatchObject({
      code: 'config-invalid',
    });
  });

  test('plain http to another machine is refused', async () => {
    const layout = layoutWith(GOOD.replace('https://c.example', 'http://c.example'));
    await expect(read(layout)).rejects.toMatchObject({ code: 'coordinator-insecure' });
  });

  test('a host that was never enrolled is told so', async () => {
    await expect(read(freshLayout())).rejects.toMatchObject({ code: 'not-enrolled' });
  });
});
