/* H3: a preflight that failed is looked at again when what it complained of looks otherwise. */
import { EXIT } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import { expect, test } from 'vitest';
import { until } from '../../../test/support/manual-clock.ts';
import { bootLive, ended, grantsAll, order } from './support/driving.ts';
import { type Booted, TestHost } from './support/host.ts';

const MIB = 1024 * 1024;

async function heldBy(spoil: (host: TestHost) => void, code: RegExp) {
  const host = new TestHost();
  spoil(host);
  const agent: Booted = await bootLive(host);
  grantsAll(host);
  order(host);
  await until(
    () => host.coordinator.of('progress').at(-1)?.holdReason === 'preflight-failed',
    'the hold',
  );
  expect(host.coordinator.of('progress').at(-1)).toMatchObject({
    step: 'preflight',
    detail: expect.stringMatching(code),
  });
  return { host, agent };
}

const left = (host: TestHost) => host.coordinator.of('permission').length > 0;

test('PF9: an upgrade that lacks room goes on soon after somebody has made some', async () => {
  const { host, agent } = await heldBy((it) => {
    it.freeBytes = MIB;
  }, /^disk-reserve: .*1 MiB are free/);
  await host.clock.advance(40_000);
  // Others write and remove all the time.
  host.freeBytes = 2 * MIB;
  await host.clock.advance(15_000);
  expect(left(host)).toBe(false);
  host.freeBytes = 10_000 * MIB;
  await host.clock.advance(4_000);
  await host.clock.advance(11_000);
  await ended(agent);
  expect(agent.exit).toBe(EXIT.bootRecorded);
});

test('PF9: one whose versions could not be written goes on when they can, and not before', async () => {
  const { host, agent } = await heldBy((it) => {
    it.slotsTrouble = 'EROFS';
  }, /^slots-unwritable: /);
  await host.clock.advance(45_000);
  expect(left(host)).toBe(false);
  host.slotsTrouble = null;
  await host.clock.advance(15_000);
  await ended(agent);
  expect(agent.exit).toBe(EXIT.bootRecorded);
});

test('PF9: an upgrade outlives a disk that does not say how full it is', async () => {
  const { host, agent } = await heldBy((it) => {
    it.freeBytes = MIB;
  }, /^disk-reserve: /);
  host.diskError = new Error('EIO');
  await host.clock.advance(30_000);
  expect(left(host)).toBe(false);
  host.diskError = null;
  host.freeBytes = 10_000 * MIB;
  await host.clock.advance(15_000);
  await ended(agent);
  expect(agent.exit).toBe(EXIT.bootRecorded);
});

test('PF12: one whose blobs cannot be had goes on when they were carried here, and not while that goes on', async () => {
  const { host, agent } = await heldBy((it) => {
    it.blobTrouble = new CodedError('blob-missing', 'https://coordinator has no blob');
  }, /^blob-missing: blobs: .*has no blob; 1 missing on this host/);
  expect(host.staged).toEqual([]);
  host.dropStamp = 'a 1';
  await host.clock.advance(15_000);
  host.dropStamp = 'a 2';
  host.blobTrouble = null;
  await host.clock.advance(15_000);
  expect(left(host)).toBe(false);
  await host.clock.advance(15_000);
  await ended(agent);
  expect(agent.exit).toBe(EXIT.bootRecorded);
});

test('PF9: what nobody mends is looked at again on the schedule', async () => {
  const { host, agent } = await heldBy((it) => {
    it.loseFallback();
  }, /^fallback-unsound: /);
  const tries = () => host.coordinator.of('progress').length;
  const before = tries();
  await host.clock.advance(59_000);
  expect(tries()).toBe(before);
  await host.clock.advance(2_000);
  expect(tries()).toBe(before + 1);
  agent.stop();
  await agent.ended;
});
