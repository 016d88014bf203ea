/* New roots on a running coordinator: its keys come by files, the root by REST, and it never serves what does not fit. */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LIFETIME_MS } from '@moult/core/trust';
import { loadNamedKeys } from '@moult/release/keys';
import { readCurrentState, signRoot } from '@moult/release/repository';
import { readRootChain } from '@moult/release/root-files';
import { type Rotation, rotateKeys } from '@moult/release/root-rotation';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addOnlineKeys } from '../src/index.ts';
import { type Answer, Fixture } from './support/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
});
afterEach(() => fixture.stop());

const trustDir = () => join(fixture.dir, 'trust');

async function rotate(rotation: Rotation): Promise<void> {
  const keysDir = trustDir();
  await rotateKeys({
    rotation,
    keysDir,
    rootKeyDirs: [keysDir],
    newKeyDirs: [keysDir],
    threshold: null,
    clock: fixture.clock,
  });
}

async function publishRoot(): Promise<Answer> {
  const { body: live } = await fixture.call('GET', '/v1/trust/root');
  const signed = await signRoot({
    chain: await readRootChain(trustDir()),
    live,
    releaseKeys: ({ metadata }) =>
      loadNamedKeys({ dirs: [trustDir()], role: 'release', root: metadata }),
    nowMs: fixture.clock.nowMs(),
  });
  if (signed === null) throw new Error('there is nothing to publish');
  return await fixture.call('POST', '/v1/trust/root', {
    body: { ...signed.submission, why: 'rotation' },
  });
}

async function served(name: string): Promise<Answer> {
  return await fixture.call('GET', `/tuf/metadata/${name}`, { token: null });
}

const addKeys = () => {
  const { keysDir } = fixture.init.paths;
  return addOnlineKeys({ trustDir: trustDir(), keysDir });
};

test('without the online keys that a root names it keeps what it serves and says what to do, and goes on once they are there (RL52)', async () => {
  const before = await served('timestamp.json');
  await rotate('online');
  const refused = await publishRoot();
  expect([refused.status, refused.body.code]).toEqual([412, 'online-keys-missing']);
  expect(refused.body.remedy).toContain('moult coordinator add-keys');
  expect(await served('timestamp.json')).toMatchObject({ status: 200, body: before.body });
  expect((await served('2.root.json')).status).toBe(404);
  // Beside the old ones, which go on signing until the root is live.
  expect((await addKeys()).added).toHaveLength(2);
  expect((await addKeys()).added).toEqual([]);
  await fixture.restart();
  expect((await served('2.root.json')).status).toBe(404);
  expect(await publishRoot()).toMatchObject({
    status: 200,
    body: { rootVersion: 2, warnings: [] },
  });
  expect((await served('2.root.json')).status).toBe(200);
  await fixture.restart();
  const { entries } = (await fixture.call('GET', '/v1/history')).body;
  const kinds = entries.filter(({ kind }: { kind: string }) => kind === 'root-published');
  expect(kinds).toMatchObject([{ principal: 'admin', why: 'rotation', detail: { version: 2 } }]);
});

test('new tokens and new hosts pin the newest root, a token of before is refused for what it pins', async () => {
  await rotate('root');
  await publishRoot();
  const { root } = await readCurrentState(fixture.init.paths.repositoryDir);
  const anchors = await fixture.call('GET', '/v1/trust/anchors', { token: null });
  expect(anchors.body.root).toBe(root.bytes.toString());
  const agent = await fixture.enroll('web-1');
  expect(agent.instanceId).not.toBe('');
  const sha256 = createHash('sha256').update(root.bytes).digest('hex');
  const { entries } = (await fixture.call('GET', '/v1/history')).body;
  expect(JSON.stringify(entries)).toContain(sha256);
});

test('only an administrator brings a root', async () => {
  await rotate('renewal');
  const made = await fixture.call('POST', '/v1/tokens', {
    body: { kind: 'access', principal: 'publisher', role: 'publisher', ttlMs: null },
  });
  const chain = await readRootChain(trustDir());
  const body = { roots: chain.map(({ text }) => text), targets: null, roles: [], why: '' };
  const refused = await fixture.call('POST', '/v1/trust/root', { body, token: made.body.text });
  expect(refused.status).toBe(403);
  // Links that are live already are passed over.
  expect((await fixture.call('POST', '/v1/trust/root', { body })).body.rootVersion).toBe(2);
  expect((await fixture.call('POST', '/v1/trust/root', { body })).body.rootVersion).toBe(2);
});

test('a repository whose online keys are gone is served as it is, and signed again once they are back (RL52)', async () => {
  const { keysDir, repositoryDir } = fixture.init.paths;
  await rotate('online');
  await addKeys();
  await publishRoot();
  const before = await served('timestamp.json');
  for (const name of await readdir(keysDir)) {
    if (name.includes('-v2')) await rm(join(keysDir, name));
  }
  await fixture.clock.advance(3_600_000);
  await fixture.restart();
  expect(await served('timestamp.json')).toMatchObject({ status: 200, body: before.body });
  await addKeys();
  await fixture.restart();
  const { timestamp } = await readCurrentState(repositoryDir);
  expect(timestamp.metadata.signed.version).toBeGreaterThan(before.body.signed.version);
});

test('a start signs anew: a state from a backup is not behind what agents saw (RL16)', async () => {
  const seen = (await served('timestamp.json')).body.signed.version;
  const { repositoryDir } = fixture.init.paths;
  await fixture.clock.advance(120_000);
  await fixture.restart();
  const { timestamp, snapshot } = await readCurrentState(repositoryDir);
  const minutes = Math.floor(fixture.clock.nowMs() / 60_000);
  expect(timestamp.metadata.signed.version).toBe(minutes);
  expect(snapshot.metadata.signed.version).toBe(minutes);
  expect(minutes).toBeGreaterThan(seen);
});

test('what offline keys signed is warned of when a quarter of its life is left', async () => {
  // Stopped meanwhile: whoever sleeps on the clock would be woken for every ping of a year.
  await fixture.coordinator.stop();
  await fixture.clock.advance(LIFETIME_MS.release * 0.7);
  await fixture.restart();
  expect(fixture.warnings).toEqual([]);
  await fixture.coordinator.stop();
  await fixture.clock.advance(LIFETIME_MS.release * 0.1);
  await fixture.restart();
  expect(fixture.warnings).toMatchObject([
    { role: 'targets', remedy: 'moult release publish-root --keys DIR' },
  ]);
});
