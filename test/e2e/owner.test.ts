/* P6: the owner of a host has the last word, but for force. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Reason } from '@moult/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

let fleet: RealFleet;
beforeAll(async () => {
  fleet = await RealFleet.open('owner');
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

const onHost = (host: Host, ...args: readonly string[]) =>
  fleet.coordinator.moult(['agent', ...args, '--root', host.root]);

function whenHeld(host: Host, reason: string): Promise<Reason> {
  return until(
    `${host.name} is held: ${reason}`,
    async () => {
      const { reasons } = await fleet.coordinator.client.whyAgent({
        params: { name: host.name },
      });
      return reasons.find((one) => one.reason === reason) ?? null;
    },
    { timeoutMs: 30_000, detail: () => host.tail() },
  );
}

test('P6: a pin, a postponement and a lock file hold what is ordered, with who and why, until they are taken back', async () => {
  const host = await fleet.host('held');
  const pinned = await onHost(host, 'pin', '--why', 'audit');
  expect(pinned).toMatchObject({ code: 0 });
  expect(pinned.stdout).toMatch(/^the agent stays on 1\.0\.0.*: audit; undo: moult agent unpin$/m);
  await host.whenAgent(fleet.coordinator, 'is pinned', ({ marks }) => marks.includes('pinned'));
  const command = await fleet.order(host.name, GOOD[0]);
  expect(await whenHeld(host, 'pinned')).toMatchObject({
    freedBy: 'moult agent unpin (on the host)',
  });
  const why = await fleet.coordinator.moult(['why', host.name]);
  expect(why.stdout).toMatch(/pinned.*audit/);

  await onHost(host, 'postpone', '2h', '--why', 'month end');
  await onHost(host, 'unpin');
  await whenHeld(host, 'postponed');
  const tooLong = await onHost(host, 'postpone', '8d');
  expect(tooLong.code).toBe(1);
  expect(tooLong.stderr).toMatch(/postponed until .* at most/);

  const { locksDir } = host.layout;
  await mkdir(locksDir, { recursive: true });
  await writeFile(join(locksDir, 'backup'), '');
  await onHost(host, 'postpone', '0');
  await whenHeld(host, 'host-locked');
  const status = await onHost(host, 'status');
  expect(status.stdout).toMatch(/^held: +no upgrade while these lock files are there: backup$/m);

  await rm(join(locksDir, 'backup'));
  const { command: end } = await fleet.ended(command);
  expect(end.state).toBe('succeeded');
  await fleet.leave(host);
});

test('P6 H18: what cannot wait is forced, the history says over whose word, and the pin outlives it', async () => {
  const host = await fleet.host('forced');
  await onHost(host, 'pin', '--why', 'audit');
  await host.whenAgent(fleet.coordinator, 'is pinned', ({ marks }) => marks.includes('pinned'));
  const forced = await fleet.coordinator.moult([
    ...['agents', 'upgrade', host.name, '--to', GOOD[0], '--force', '--why', 'CVE', '--wait'],
  ]);
  expect(forced).toMatchObject({ code: 0 });
  const { entries } = await fleet.coordinator.client.listHistory({ query: { agent: host.name } });
  const entry = entries.find(({ kind }) => kind === 'owner-overridden');
  expect(entry).toMatchObject({ why: 'CVE', detail: { hold: 'pinned', version: GOOD[0] } });
  const agent = await fleet.coordinator.client.getAgent({ params: { name: host.name } });
  expect(agent.marks).toContain('pinned');
  expect(FIRST_AGENT).not.toBe(GOOD[0]);
  await fleet.leave(host);
});

test('P6: what its agent says is read on the host, and an agent that does not serve is named', async () => {
  const host = await fleet.host('read');
  const logs = await onHost(host, 'logs', '--lines', '200');
  expect(logs.stdout).toMatch(/"msg":"serving"/);
  await host.stop();
  const pinned = await onHost(host, 'pin');
  expect(pinned.code).not.toBe(0);
  expect(pinned.stderr).toMatch(
    /^error: no agent answers at .*\nnext: .*\ncode: agent-not-serving$/m,
  );
  await fleet.leave(host);
});
