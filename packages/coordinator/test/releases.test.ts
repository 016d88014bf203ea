import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeManifest, type Manifest } from '@moult/core/manifest';
import type { Platform } from '@moult/core/platform';
import { loadReleaseKeys } from '@moult/release/keys';
import { writePack } from '@moult/release/pack';
import { signRelease } from '@moult/release/repository';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, Fixture } from './support/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
});
afterEach(() => fixture.stop());

const sha256Of = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function makePack(
  version: string,
  content = 'x',
  platform: Platform = 'linux-x64',
): Promise<Buffer> {
  const treeDir = join(fixture.dir, `tree-${version}-${content}`);
  await mkdir(join(treeDir, 'bin'), { recursive: true });
  const program = `#!/bin/sh\necho ${content}\n`;
  await writeFile(join(treeDir, 'bin/node'), program, { mode: 0o755 });
  await writeFile(join(treeDir, 'agent.cjs'), version);
  const manifest: Manifest = {
    format: 1,
    component: 'agent',
    version,
    platform,
    program: 'bin/node',
    script: 'agent.cjs',
    files: [
      { path: 'agent.cjs', sha256: sha256Of(version), length: version.length, executable: false },
      { path: 'bin/node', sha256: sha256Of(program), length: program.length, executable: true },
    ],
    minimumLauncher: null,
    stateSchema: 1,
    readableSince: 1,
    probationMs: 60_000,
    irreversible: false,
    rehearses: false,
  };
  await writeFile(join(treeDir, 'manifest.json'), encodeManifest(manifest));
  const packPath = join(fixture.dir, `${version}.tar.gz`);
  await writePack({ treeDir, manifest, packPath });
  return readFile(packPath);
}

async function upload(bytes: Uint8Array): Promise<Answer> {
  const response = await fetch(`${fixture.url}/v1/packs`, {
    method: 'POST',
    body: Buffer.from(bytes),
    headers: {
      authorization: `Bearer ${fixture.init.adminToken}`,
      'content-type': 'application/octet-stream',
    },
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

async function publish(version: string): Promise<Answer> {
  const { body: state } = await fixture.call('GET', `/v1/trust/signing/agent/${version}`);
  const submission = signRelease({
    keys: await loadReleaseKeys(join(fixture.dir, 'trust')),
    root: state.root,
    currentTargets: state.targets,
    currentRole: state.role,
    document: JSON.parse(state.document),
    nowMs: fixture.clock.nowMs(),
  });
  const { document, role, targets } = submission;
  return fixture.call('POST', '/v1/releases', {
    body: { component: 'agent', version, document, role, targets, why: 'first' },
  });
}

describe('releases', () => {
  test('a pack comes in, is signed with offline keys, published, and served as static files', async () => {
    const imported = await upload(await makePack('1.0.0'));
    expect(imported).toMatchObject({ status: 201, body: { version: '1.0.0', isNew: true } });
    const again = await upload(await makePack('1.0.0'));
    expect(again.body).toMatchObject({ isNew: false, digest: imported.body.digest });
    const published = await publish('1.0.0');
    expect(published).toMatchObject({
      status: 201,
      body: { state: 'published', publishedBy: 'admin', warnings: [] },
    });
    await upload(await makePack('1.1.0'));
    expect((await publish('1.1.0')).status).toBe(201);
    const { body } = await fixture.call('GET', '/v1/releases');
    expect(body.releases.map((one: { version: string }) => one.version)).toEqual([
      '1.1.0',
      '1.0.0',
    ]);
    const manifest = await fixture.call('GET', `/blobs/sha256/${imported.body.digest}`);
    expect(JSON.parse(manifest.body)).toMatchObject({ version: '1.0.0' });
    const chosen = await fixture.call('PUT', '/v1/fleet/desired/agent', {
      body: { version: '1.1.0' },
    });
    expect(chosen).toMatchObject({ status: 200, body: { commands: [] } });
  });

  test('what is not published cannot be wanted, and one version has one content', async () => {
    await upload(await makePack('1.0.0'));
    const chosen = await fixture.call('PUT', '/v1/fleet/desired/agent', {
      body: { version: '1.0.0' },
    });
    expect(chosen.body.code).toBe('desired-version-invalid');
    const other = await upload(await makePack('1.0.0', 'other'));
    expect([other.status, other.body.code]).toEqual([409, 'release-exists']);
  });

  test('a pack that is none is refused by name and leaves nothing', async () => {
    const bytes = await makePack('1.0.0');
    const none = await upload(Buffer.from('no pack'));
    expect(none.body.code).toBe('pack-not-a-pack');
    // Where this coordinator keeps things is nobody's business.
    expect(JSON.stringify(none.body)).not.toContain(fixture.dir);
    expect((await upload(bytes.subarray(0, bytes.length - 30))).body.code).toBe('pack-truncated');
    expect(await readdir(join(fixture.init.paths.blobsDir, 'staging'))).toEqual([]);
    expect((await fixture.call('GET', '/v1/releases')).body.releases).toEqual([]);
  });

  test('a platform that comes while its release is published is not taken for a part of it', async () => {
    await upload(await makePack('1.0.0'));
    const late = await makePack('1.0.0', 'x', 'linux-arm64');
    const [published, imported] = await Promise.all([publish('1.0.0'), upload(late)]);
    expect(published.status).toBe(201);
    const { body } = await fixture.call('GET', '/v1/trust/signing/agent/1.0.0');
    const role = JSON.parse(body.role).signed.targets['releases/agent/1.0.0.json'];
    expect(sha256Of(body.document), String(imported.status)).toBe(role.hashes.sha256);
  });

  test('what went live before a crash is known after the next start', async () => {
    await upload(await makePack('1.0.0'));
    const { store } = fixture;
    const crashed = new Proxy(store, {
      get: (target, name) =>
        name === 'write'
          ? (operation: 'recordPublish', args: never) =>
              operation === 'recordPublish'
                ? Promise.reject(new Error('crashed'))
                : target.write(operation, args)
          : Reflect.get(target, name),
    });
    await fixture.restart(crashed);
    expect((await publish('1.0.0')).status).toBe(500);
    await fixture.restart(store);
    const { body } = await fixture.call('GET', '/v1/releases/agent/1.0.0');
    expect(body).toMatchObject({ state: 'published', publishedBy: 'coordinator' });
  });
});
