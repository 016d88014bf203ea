import { EXIT } from '@moult/core/boot';
import type { ChangeKind } from '@moult/core/changed-files';
import { expect, test } from 'vitest';
import { bootLive, ended, grantsAll, order } from './support/driving.ts';
import { NEW, OLD, TestHost } from './support/host.ts';

/** What an upgrade stages where a file of the version that runs is so. */
async function stagedWhere(
  how: ChangeKind,
  adjust: (host: TestHost) => void = () => undefined,
  version: string = NEW.version,
) {
  const host = new TestHost();
  const file = { path: 'lib/agent.cjs', how, sha256: null, bytes: 1, modifiedMs: 1 };
  host.changed.set(OLD.dir, { files: [file], count: 1 });
  adjust(host);
  const agent = await bootLive(host);
  grantsAll(host);
  order(host, { version });
  await ended(agent);
  expect(agent.exit).toBe(EXIT.bootRecorded);
  return host.staged;
}

test('U22: the version to fall back to is made whole before the new one is fetched', async () => {
  for (const how of ['changed', 'removed', 'mode'] as const) {
    expect(await stagedWhere(how)).toEqual(['1.0.0', '1.1.0']);
  }
});

test('U22: what was only added does no harm', async () => {
  expect(await stagedWhere('added')).toEqual(['1.1.0']);
});

test('U22: an owner who has switched the test off keeps what was changed', async () => {
  const switchedOff = (host: TestHost) => {
    host.isPreflightOff = true;
  };
  expect(await stagedWhere('changed', switchedOff)).toEqual(['1.1.0']);
});

test('U21: what runs and was changed is not there already: it is staged anew, and makes way for itself', async () => {
  expect(await stagedWhere('added', () => undefined, OLD.version)).toEqual(['1.0.0']);
});
